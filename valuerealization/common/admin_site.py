"""The admin's site: our sign-in, our navigation, and a content security policy that its theme can live with."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from allauth.account.decorators import secure_admin_login
from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_update
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite
else:
    from unfold.sites import UnfoldAdminSite as AdminSite

# What the theme needs beyond the product's policy, see docs/adr: Alpine compiles attributes, and there are style
# attributes. Scripts still come from our own files only. Nothing outside the admin's own views is given this.
RELAXED: Final = {"script-src": [UNSAFE_EVAL], "style-src": [UNSAFE_INLINE]}

# The order of the navigation; an admin class names its section.
SECTIONS: Final = ("Customers", "Value", "Snapshots", "People and access", "System", "More")


class ProductSite(AdminSite):
    """The admin of this product; whoever isn't an administrator is sent away by its one sign-in page."""

    index_title = "Administration"
    site_header = "Administration"
    site_title = settings.VR_ORGANISATION

    @property
    def login(self) -> Any:
        """Sign in on the product's own page; whoever is signed in without the role gets 403."""
        return secure_admin_login(super().login)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """Guard a view, and let its page use what the theme needs."""
        return csp_update(RELAXED)(super().admin_view(view, cacheable))

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Use the theme that the person chose for the whole product."""
        return {
            **super().each_context(request),
            "site_header": self.site_header,
            "site_title": self.site_title,
            "theme": getattr(request.user, "theme", "") or None,
        }

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """List the pages by section, as each admin class says where it belongs."""
        sections: dict[str, list[dict[str, Any]]] = {name: [] for name in SECTIONS}
        for model, site in self._registry.items():
            section = getattr(site, "section", "More")
            if section is None or not site.has_view_permission(request):
                continue
            link = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            title = getattr(site, "menu_title", "") or str(model._meta.verbose_name_plural)
            sections[section].append(
                {
                    "title": title[:1].upper() + title[1:],
                    "icon": getattr(site, "icon", "table"),
                    "link": link,
                    "active": request.path.startswith(link),
                    "has_permission": True,
                    "order": getattr(site, "menu_order", 100),
                }
            )
        index = reverse("admin:index")
        home = {
            "title": "Dashboard", "icon": "dashboard", "link": index, "active": request.path == index,
            "has_permission": True,
        }  # fmt: skip
        groups: list[dict[str, Any]] = [{"title": "", "items": [home]}]
        for name, items in sections.items():
            ordered = sorted(items, key=lambda item: (item["order"], item["title"]))
            groups.append({"title": name, "items": ordered, "separator": True})
        return [group for group in groups if group["items"]]
