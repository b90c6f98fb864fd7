"""The people around an account: contacts at the customer, and the team on our side."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.forms.contacts import ContactForm, TeamForm
from accounts.models import Account, Contact, TeamMember
from accounts.policies import check_can_edit_account
from accounts.services.contacts import (
    ContactRefused,
    TeamRefused,
    add_team_member,
    archive_contact,
    create_contact,
    remove_team_member,
    restore_contact,
    update_contact,
)
from valuerealization.common.htmx import HtmxRequest, signed_in


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def contact_create(request: HtmxRequest, account_pk: int) -> HttpResponse:
    """Add a contact to an account."""
    account = get_object_or_404(Account.objects.select_related("owner"), pk=account_pk)
    check_can_edit_account(request.user, account)
    form = ContactForm(_typed(request))
    if form.is_bound and form.is_valid():
        try:
            contact = create_contact(account=account, by=request.user.as_actor(), **form.cleaned_data)
        except ContactRefused as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"{contact.name} is added")
            return _people(account)
    return _contact_page(request, form, account, None)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def contact_update(request: HtmxRequest, pk: int) -> HttpResponse:
    """Change a contact."""
    contact = _contact(request, pk)
    form = ContactForm(_typed(request), contact=contact)
    if form.is_bound and form.is_valid():
        try:
            update_contact(contact=contact, by=request.user.as_actor(), at=timezone.now(), **form.cleaned_data)
        except ContactRefused as refused:
            form.refuse(refused)
        else:
            messages.success(request, "Saved")
            return _people(contact.account)
    return _contact_page(request, form, contact.account, contact)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def contact_archive(request: HtmxRequest, pk: int) -> HttpResponse:
    """Ask, then take a contact off the account's pages."""
    contact = _contact(request, pk)
    if request.method != "POST":
        context = {"contact": contact, "account": contact.account, "nav": "accounts"}
        return render(request, "accounts/contact_archive.html", context)
    archive_contact(contact=contact, by=request.user.as_actor(), at=timezone.now())
    messages.success(request, f"{contact.name} is archived")
    return _people(contact.account)


@signed_in
@require_POST
def contact_restore(request: HtmxRequest, pk: int) -> HttpResponse:
    """Bring an archived contact back."""
    contact = _contact(request, pk)
    restore_contact(contact=contact, by=request.user.as_actor(), at=timezone.now())
    messages.success(request, f"{contact.name} is back")
    return _people(contact.account)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def team_add(request: HtmxRequest, account_pk: int) -> HttpResponse:
    """Add somebody of ours to an account's team."""
    account = get_object_or_404(Account.objects.select_related("owner"), pk=account_pk)
    check_can_edit_account(request.user, account)
    form = TeamForm(_typed(request), account=account)
    if form.is_bound and form.is_valid():
        try:
            member = add_team_member(account=account, by=request.user.as_actor(), **form.cleaned_data)
        except TeamRefused as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"{member.user} works with {account.name} now")
            return _people(account)
    context = {"form": form, "account": account, "nav": "accounts"}
    return render(request, "accounts/team_form.html", context, status=422 if form.errors else 200)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def team_remove(request: HtmxRequest, pk: int) -> HttpResponse:
    """Ask, then take somebody out of an account's team."""
    member = get_object_or_404(TeamMember.objects.select_related("account__owner", "user"), pk=pk)
    check_can_edit_account(request.user, member.account)
    if request.method != "POST":
        context = {"member": member, "account": member.account, "nav": "accounts"}
        return render(request, "accounts/team_remove.html", context)
    remove_team_member(member=member, by=request.user.as_actor())
    messages.success(request, f"{member.user} left the team of {member.account.name}")
    return _people(member.account)


def _contact(request: HtmxRequest, pk: int) -> Contact:
    contact = get_object_or_404(Contact.objects.select_related("account__owner"), pk=pk)
    check_can_edit_account(request.user, contact.account)
    return contact


def _typed(request: HtmxRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _people(account: Account) -> HttpResponseRedirect:
    return redirect(f"{account.get_absolute_url()}people/")


def _contact_page(request: HtmxRequest, form: ContactForm, account: Account, contact: Contact | None) -> HttpResponse:
    context = {"form": form, "account": account, "contact": contact, "nav": "accounts"}
    return render(request, "accounts/contact_form.html", context, status=422 if form.errors else 200)
