"""Bulk actions that first say what they will do, and to which records."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminTextInputWidget

from valuerealization.common.history import because

# Each record is changed by its service, with an audit entry of its own.
MOST: Final = 500
_LISTED: Final = 50

Action = Callable[..., Any]


class ReasonForm(forms.Form):
    """Why something is done to all of the chosen records."""

    reason = forms.CharField(
        required=False,
        max_length=300,
        widget=UnfoldAdminTextInputWidget,
        help_text="It is kept with the history of each of them.",
    )


def confirmed(
    *, description: str, question: str, button: str, form: type[forms.Form] = ReasonForm, permission: str = "change"
) -> Callable[[Action], Action]:
    """Ask before a bulk action is done, with a form for what it needs to know.

    Shape: the action takes the form's fields by name. `question` ends in a question mark; what follows it explains.
    """

    def decorate(act: Action) -> Action:
        @wraps(act)
        def action(site: Any, request: HttpRequest, queryset: Any) -> HttpResponse | None:
            chosen = list(queryset.order_by("pk")[: MOST + 1])
            if len(chosen) > MOST:
                message = f"Choose at most {MOST} at a time: each is changed, checked and written down by itself."
                site.message_user(request, message, messages.ERROR)
                return None
            is_answer = "confirmed" in request.POST
            asked = form(request.POST if is_answer else None)
            if is_answer and asked.is_valid():
                because(str(asked.cleaned_data.get("reason", "")))
                act(site, request, queryset, **asked.cleaned_data)
                return None
            context = {
                **site.admin_site.each_context(request),
                "title": description,
                "opts": site.opts,
                "question": question.split("?", maxsplit=1)[0] + "?",
                "explanation": question.partition("?")[2].strip(),
                "button": button,
                "form": asked,
                "action": request.POST.get("action", act.__name__),
                "checkbox": ACTION_CHECKBOX_NAME,
                "chosen": chosen,
                "listed": chosen[:_LISTED],
                "more": max(0, len(chosen) - _LISTED),
                "media": asked.media,
            }
            status = 422 if is_answer else 200
            return TemplateResponse(request, "admin/confirm_action.html", context, status=status)

        return admin.action(description=description, permissions=[permission])(action)

    return decorate
