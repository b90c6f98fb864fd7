"""Addresses of notes, tasks and meetings, their files, what people are told of them, and calendars."""

from django.urls import path

from accounts.views import attachments, feeds, meetings, notes, notifications, task_parts, tasks

urlpatterns = [
    path("accounts/<int:account_pk>/next-actions/", tasks.show_card, name="next_actions"),
    path("accounts/<int:account_pk>/tasks/new/", tasks.create, name="task_create"),
    path("tasks/<int:pk>/", tasks.detail, name="task_detail"),
    path("tasks/<int:pk>/edit/", tasks.update, name="task_update"),
    path("tasks/<int:pk>/state/", tasks.set_state, name="task_state"),
    path("tasks/<int:pk>/put-off/", tasks.snooze, name="task_snooze"),
    path("tasks/<int:pk>/checklist/", task_parts.add_step, name="task_step_add"),
    path("checklist/<int:pk>/", task_parts.change_step, name="task_step"),
    path("tasks/<int:pk>/comments/", task_parts.comment, name="task_comment"),
    path("comments/<int:pk>/state/", task_parts.set_comment_state, name="comment_state"),
    path("tasks/<int:pk>/files/", attachments.add_to_task, name="task_files"),
    path("accounts/<int:account_pk>/notes/new/", notes.create, name="note_create"),
    path("notes/<int:pk>/", notes.detail, name="note_detail"),
    path("notes/<int:pk>/edit/", notes.update, name="note_update"),
    path("notes/<int:pk>/versions/", notes.history, name="note_history"),
    path("notes/<int:pk>/pin/", notes.pin, name="note_pin"),
    path("notes/<int:pk>/state/", notes.set_state, name="note_state"),
    path("notes/<int:pk>/files/", attachments.add_to_note, name="note_files"),
    path("accounts/<int:account_pk>/meetings/new/", meetings.create, name="meeting_create"),
    path("meetings/<int:pk>/", meetings.detail, name="meeting_detail"),
    path("meetings/<int:pk>/edit/", meetings.update, name="meeting_update"),
    path("meetings/<int:pk>/state/", meetings.set_state, name="meeting_state"),
    path("meetings/<int:pk>/tasks/", meetings.add_task, name="meeting_task"),
    path("meetings/<int:pk>/files/", attachments.add_to_meeting, name="meeting_files"),
    path("meetings/<int:pk>/meeting.ics", meetings.download, name="meeting_ics"),
    path("attachments/<str:key>/", attachments.serve, name="attachment"),
    path("attachments/<str:key>/state/", attachments.set_state, name="attachment_state"),
    path("notifications/", notifications.show, name="notifications"),
    path("notifications/seen/", notifications.see_all, name="notifications_seen"),
    path("notifications/<int:pk>/open/", notifications.follow, name="notification_open"),
    path("notifications/off/<str:token>/", notifications.end_mails, name="notification_off"),
    path("mentions/", notifications.suggest, name="mentions"),
    path("calendar/", feeds.show, name="calendar"),
    path("calendar/new/", feeds.make, name="calendar_make"),
    path("calendar/end/", feeds.revoke, name="calendar_end"),
    path("calendar/<str:token>.ics", feeds.feed, name="calendar_feed"),
]
