"""Who may do what: one row for each address and method, one letter for each kind of caller.

    A   a visitor                  L   a leader             KR  an API key that reads
    C   the account's own CSM      D   an administrator     KW  an API key that writes
    C2  another CSM

    o  let in: the answer is a page, a redirect to one, or what is wrong with what was sent
    s  sent to sign in
    1  401, 3  403, 4  404, 5  405

A method without a row is closed: no caller may get more than a refusal. `PATHS` names an example where an address
can't be made from the records of the test.
"""

from typing import Final

CALLERS: Final = ("A", "C", "C2", "L", "D", "KR", "KW")
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")

# fmt: off
#             A    C    C2   L    D    KR   KW
EVERYBODY = ["o", "o", "o", "o", "o", "o", "o"]
TEAM      = ["s", "o", "o", "o", "o", "s", "s"]
LEAD      = ["s", "3", "3", "o", "o", "s", "s"]
OWN       = ["s", "o", "3", "o", "o", "s", "s"]
LEADERS   = ["s", "3", "3", "o", "o", "s", "s"]
ADMINS    = ["s", "3", "3", "3", "o", "s", "s"]
NOT_YET   = ["4", "4", "4", "4", "4", "4", "4"]
NO_FACTOR = ["s", "4", "4", "4", "4", "s", "s"]  # of a person without a second factor
NO_WAY    = ["s", "3", "3", "3", "3", "s", "s"]  # to confirm who they are: no password, no second factor
READ      = ["1", "o", "o", "o", "o", "o", "o"]
WRITE     = ["1", "3", "3", "3", "3", "3", "o"]
MINE      = ["s", "o", "4", "4", "4", "s", "s"]
NOWHERE   = ["1", "4", "4", "4", "4", "4", "4"]
# fmt: on

_PAGE = {"GET": TEAM}
_FORM = {"GET": TEAM, "POST": TEAM}
_OWN_FORM = {"GET": OWN, "POST": OWN}
_ADMIN_FORM = {"GET": ADMINS, "POST": ADMINS}
_OPEN = {"GET": EVERYBODY}
_OPEN_FORM = {"GET": EVERYBODY, "POST": EVERYBODY}
_LIST = {"GET": READ, "POST": WRITE}
_RECORD = {"GET": READ, "PATCH": WRITE}

MATRIX: Final = {
    # the process
    "healthz": _OPEN,
    "readyz": _OPEN,
    "metrics": _OPEN,  # to this machine, where the test is
    # signing in
    "account_login": _OPEN_FORM,
    "account_logout": _OPEN_FORM,
    "account_inactive": _OPEN,
    "account_reset_password": _OPEN_FORM,
    "account_reset_password_done": _OPEN,
    "account_reset_password_from_key": _OPEN_FORM,
    "account_reset_password_from_key_done": _OPEN,
    # people
    "home": _PAGE,
    "set_theme": {"POST": TEAM},
    "settings": _FORM,
    "settings_fold": {"POST": TEAM},
    "settings_notifications": _FORM,
    "settings_sessions": _PAGE,
    "settings_sessions_end": {"POST": TEAM},
    "settings_organisation": {"GET": ADMINS, "POST": ADMINS},
    "organisation_logo": {"GET": NOT_YET},
    "account_change_password": _FORM,
    "account_set_password": _FORM,
    "account_reauthenticate": {"GET": NO_WAY, "POST": NO_WAY},
    "mfa_index": _PAGE,
    "mfa_authenticate": _OPEN_FORM,
    "mfa_reauthenticate": {"GET": NO_WAY, "POST": NO_WAY},
    "mfa_activate_totp": _FORM,
    "mfa_deactivate_totp": {"GET": NO_FACTOR, "POST": NO_FACTOR},
    "mfa_view_recovery_codes": {"GET": NO_FACTOR},
    "mfa_generate_recovery_codes": _FORM,
    "mfa_download_recovery_codes": {"GET": NO_FACTOR},
    # accounts
    "account_list": _PAGE,
    "account_create": _FORM,
    "account_detail": _PAGE,
    "account_objectives": _PAGE,
    "account_activity": _PAGE,
    "account_recent": _PAGE,
    "account_update": _OWN_FORM,
    "account_archive": _OWN_FORM,
    "account_export": _OWN_FORM,
    "account_restore": {"POST": OWN},
    "account_people": _PAGE,
    "contact_create": _OWN_FORM,
    "contact_update": _OWN_FORM,
    "contact_archive": _OWN_FORM,
    "contact_restore": {"POST": OWN},
    "team_add": _OWN_FORM,
    "team_remove": _OWN_FORM,
    "person_erase": {"GET": ADMINS, "POST": ADMINS},
    "user_erase": {"GET": ADMINS, "POST": ADMINS},
    "contact_erase": {"GET": ADMINS, "POST": ADMINS},
    # objectives
    "value_card": _PAGE,
    "value_trend": _PAGE,
    "value_explain": _PAGE,
    "objective_value": _OWN_FORM,
    "objective_create": _OWN_FORM,
    "objective_preview": {"POST": OWN},
    "objective_update": _OWN_FORM,
    "objective_archive": _OWN_FORM,
    "objective_restore": _OWN_FORM,
    "objective_history": _PAGE,
    "values_update": _OWN_FORM,
    "values_preview": {"POST": OWN},
    "metric_create": _FORM,
    # attributes
    "attribute_list": {"GET": ADMINS},
    "attribute_create": _ADMIN_FORM,
    "attribute_update": _ADMIN_FORM,
    "attribute_archive": _ADMIN_FORM,
    "attribute_restore": {"POST": ADMINS},
    "account_attributes": _OWN_FORM,
    # segments
    "segment_list": _PAGE,
    "segment_create": _FORM,
    "segment_update": _OWN_FORM,
    "segment_archive": _OWN_FORM,
    "segment_restore": {"POST": OWN},
    # data quality
    "quality": _PAGE,
    "quality_calendar": _PAGE,
    "quality_metrics": _PAGE,
    "quality_metric": {"GET": LEAD, "POST": LEAD},
    "quality_held": _OWN_FORM,
    "quality_sources": _OWN_FORM,
    "account_portal": _PAGE,
    "account_quality": _PAGE,
    # imports: a CSM's own, everybody's for leaders
    "import_list": _PAGE,
    "import_create": _FORM,
    "import_detail": {"GET": OWN},
    "import_columns": _OWN_FORM,
    "import_start": {"POST": OWN},
    "import_go_on": {"POST": OWN},
    "import_cancel": {"POST": OWN},
    "import_undo": _OWN_FORM,
    "import_problems": {"GET": OWN},
    # portfolio
    "portfolio": _PAGE,
    "portfolio_explain": _PAGE,
    "operations": {"GET": LEADERS},
    "operations_retry": {"POST": LEADERS},
    "audit_log": {"GET": LEADERS},
    "audit_export": {"GET": LEADERS},
    "search": _PAGE,
    "status_changes": _PAGE,
    "compare": _PAGE,
    "view_create": _FORM,
    "view_update": _OWN_FORM,
    "view_overwrite": {"POST": OWN},
    "view_delete": {"POST": OWN},
    "view_restore": _OWN_FORM,
    "view_default": {"POST": TEAM},
    # notes, tasks, meetings
    "account_notes": _PAGE,
    "account_tasks": _PAGE,
    "account_meetings": _PAGE,
    "next_actions": _PAGE,
    "task_create": _OWN_FORM,
    "task_detail": _PAGE,
    "task_update": _OWN_FORM,
    "task_state": {"POST": OWN},
    "task_snooze": {"POST": OWN},
    "task_step_add": {"POST": OWN},
    "task_step": {"POST": OWN},
    "task_comment": {"POST": OWN},
    "comment_state": {"POST": OWN},
    "task_files": {"POST": OWN},
    "note_create": _OWN_FORM,
    "note_detail": _PAGE,
    "note_update": _OWN_FORM,
    "note_history": _PAGE,
    "note_pin": {"POST": OWN},
    "note_state": {"POST": OWN},
    "note_files": {"POST": OWN},
    "meeting_create": _OWN_FORM,
    "meeting_detail": _PAGE,
    "meeting_update": _OWN_FORM,
    "meeting_state": {"POST": OWN},
    "meeting_task": {"POST": OWN},
    "meeting_files": {"POST": OWN},
    "meeting_ics": _PAGE,
    "attachment": _PAGE,
    "attachment_state": {"POST": OWN},
    "notifications": _PAGE,
    "notifications_seen": {"POST": TEAM},
    "notification_open": {"POST": MINE},
    "notification_off": _OPEN_FORM,  # by its signature alone
    "mentions": _PAGE,
    "calendar": _PAGE,
    "calendar_make": {"POST": TEAM},
    "calendar_end": {"POST": TEAM},
    "calendar_feed": _OPEN,  # by its secret alone
    # API
    "api/customers": _LIST,
    "api/customers/<reference:reference>": {**_RECORD, "DELETE": WRITE},
    "api/customers/<reference:reference>/value-metrics": {"GET": READ},
    "api/customers/<reference:reference>/explain": {"GET": READ},
    "api/customers/<reference:reference>/snapshots": {"GET": READ},
    "api/customers/<reference:reference>/restatements": {"POST": WRITE},
    "api/objectives": _LIST,
    "api/objectives/<reference:reference>": {**_RECORD, "DELETE": WRITE},
    "api/objectives/<reference:reference>/readings": _LIST,
    "api/metrics": _LIST,
    "api/metrics/<int:pk>": _RECORD,
    "api/contacts": _LIST,
    "api/contacts/<reference:reference>": _RECORD,
    "api/attributes": _LIST,
    "api/attributes/<int:pk>": _RECORD,
    "api/segments": _LIST,
    "api/segments/<int:pk>": _RECORD,
    "api/tasks": _LIST,
    "api/tasks/<reference:reference>": _RECORD,
    "api/readings": {"POST": WRITE},
    "api/portfolio": {"GET": READ},
    "api/portfolio/explain": {"GET": READ},
    "api/portfolio/trend": {"GET": READ},
    "api/portfolio/customers.csv": {"GET": READ},
    "api/schema": {"GET": READ},
    "api/": {"GET": NOWHERE, "POST": NOWHERE},
}

PATHS: Final = {
    "account_reset_password_from_key": "/password/1-no-such-key/",
    "api/": "/api/no-such-thing",
    "view_create": "/views/new/portfolio/",
}
