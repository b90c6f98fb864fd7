"""What the database refuses by itself: broken rows, rewritten history, changed tables, other customers' rows."""

import re
from dataclasses import dataclass, field

import pytest
from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction
from psycopg import errors

from tests.architecture.world import World, make_world

pytestmark = pytest.mark.django_db

APPS = ("common", "accounts", "objectives", "portfolio", "portal")
# How a row comes into being there: the database writes it.
HISTORY = {
    "accounts_accounthistory": "UPDATE accounts_account SET industry = 'Trade'",
    "accounts_apikeyhistory": "UPDATE accounts_apikey SET name = 'Other'",
    "accounts_attributehistory": "UPDATE accounts_attribute SET name = 'Other'",
    "accounts_savedsegmenthistory": "UPDATE accounts_savedsegment SET name = 'Other'",
    "accounts_userhistory": "UPDATE accounts_user SET name = 'Other'",
    "objectives_metrichistory": "UPDATE objectives_metric SET name = 'Other'",
    "objectives_objectivehistory": "UPDATE objectives_objective SET title = 'Other'",
}
APPEND_ONLY = (
    *HISTORY,
    "common_auditentry", "common_auditproof", "common_auditseal", "objectives_importchange", "objectives_metricversion",
    "objectives_objectiverevision", "objectives_reading", "objectives_replacedsnapshot", "objectives_restatement",
    "objectives_snapshotarchive",
)  # fmt: skip


@pytest.fixture
def world() -> World:
    return make_world()


@dataclass(frozen=True)
class Broken:
    """A row that a constraint refuses: an existing one changed, or a copy of it with changes."""

    table: str
    values: dict[str, str] = field(default_factory=dict)  # column → SQL expression
    where: str = "true"
    is_copy: bool = False

    def statement(self) -> str:
        """Spell the statement that the database has to refuse."""
        if not self.is_copy:
            changes = ", ".join(f"{column} = {value}" for column, value in self.values.items())
            return f"UPDATE {self.table} SET {changes} WHERE {self.where}"
        columns = [name for name in writable_columns(self.table) if name != "id" or "id" in self.values]
        taken = ", ".join(self.values.get(name, name) for name in columns)
        source = f"SELECT {taken} FROM {self.table} WHERE {self.where} LIMIT 1"
        return f"INSERT INTO {self.table} ({', '.join(columns)}) {source}"


def copy(table: str, where: str = "true", **values: str) -> Broken:
    return Broken(table, values, where, is_copy=True)


def change(table: str, where: str = "true", **values: str) -> Broken:
    return Broken(table, values, where)


VALUE = "completion_type = 'value'"
OF_METRIC = "metric_id IS NOT NULL"
BROKEN = {
    "accounts_account_arr_not_negative": change("accounts_account", arr="-0.01"),
    "accounts_account_currency_code": change("accounts_account", currency="'eur'"),
    "accounts_account_external_id_key": copy("accounts_account"),
    "accounts_account_external_id_null_or_given": change("accounts_account", external_id="''"),
    "accounts_account_name_given": change("accounts_account", name="''"),
    "accounts_account_renewal_after_signature": change(
        "accounts_account", "contract_signed_on IS NOT NULL", renewal_on="contract_signed_on"
    ),
    "accounts_attribute_choices_of_choice": change("accounts_attribute", "type = 'text'", choices="'{a}'"),
    "accounts_attribute_key_key": copy("accounts_attribute"),
    "accounts_attribute_key_plain": change("accounts_attribute", key="'Two words'"),
    "accounts_attribute_name_given": change("accounts_attribute", name="''"),
    "accounts_attribute_type_known": change("accounts_attribute", "type = 'text'", type="'colour'"),
    "accounts_contact_email_lower": change("accounts_contact", email="upper(email)"),
    "accounts_contact_email_once_an_account": copy("accounts_contact", external_id="NULL"),
    "accounts_contact_external_id_key": copy("accounts_contact", email="''"),
    "accounts_contact_external_id_null_or_given": change("accounts_contact", external_id="''"),
    "accounts_contact_name_given": change("accounts_contact", name="''"),
    "accounts_contact_roles_known": change("accounts_contact", roles="'{champion,friend}'"),
    "accounts_savedsegment_name_given": change("accounts_savedsegment", name="''"),
    "accounts_savedsegment_name_once": copy("accounts_savedsegment", name="upper(name)"),
    "accounts_teammember_once_in_a_role": copy("accounts_teammember"),
    "accounts_teammember_role_known": change("accounts_teammember", role="'friend'"),
    "accounts_account_segment_known": change("accounts_account", segment="'startup'"),
    "accounts_apikey_prefix_key": copy("accounts_apikey", id="'x'"),
    "accounts_apikey_scope_known": change("accounts_apikey", scope="'admin'"),
    "accounts_organisation_currencies": change("accounts_organisation", currencies="'{}'"),
    "accounts_organisation_factors_fall": change("accounts_organisation", factor_low="0.9"),
    "accounts_organisation_logo_whole": change("accounts_organisation", logo="'x'"),
    "accounts_organisation_one": copy("accounts_organisation", id="2"),
    "accounts_organisation_working_days": change("accounts_organisation", working_days="'{8}'"),
    "accounts_user_clock_known": change("accounts_user", clock="'13h'"),
    "accounts_attachment_key_key": copy("accounts_attachment"),
    "accounts_attachment_name_given": change("accounts_attachment", name="''"),
    "accounts_attachment_one_subject": change("accounts_attachment", task_id="NULL"),
    "accounts_calendarfeed_person_id_key": copy("accounts_calendarfeed", token_digest="'x'"),
    "accounts_calendarfeed_token_digest_key": copy(
        "accounts_calendarfeed", person_id="(SELECT max(id) FROM accounts_user)"
    ),
    "accounts_checklistitem_one_a_place": copy("accounts_checklistitem"),
    "accounts_checklistitem_text_given": change("accounts_checklistitem", text="''"),
    "accounts_meeting_attendees_meeting_id_user_id_c3414dd8_uniq": copy("accounts_meeting_attendees"),
    "accounts_meeting_contacts_meeting_id_contact_id_ba86310a_uniq": copy("accounts_meeting_contacts"),
    "accounts_meeting_duration_in_range": change("accounts_meeting", duration_minutes="1441"),
    "accounts_meeting_title_given": change("accounts_meeting", title="''"),
    "accounts_meeting_uid_key": copy("accounts_meeting"),
    "accounts_note_body_given": change("accounts_note", body="''"),
    "accounts_notification_comment_of_task": change(
        "accounts_notification", "comment_id IS NOT NULL", task_id="NULL", note_id="(SELECT id FROM accounts_note)"
    ),
    "accounts_notification_due_has_its_day": change("accounts_notification", "kind = 'mention'", due_on="'2026-11-15'"),
    "accounts_notification_kind_known": change("accounts_notification", kind="'gossip'"),
    "accounts_notification_once": copy("accounts_notification"),
    "accounts_notification_one_subject": change(
        "accounts_notification", "kind = 'assigned'", note_id="(SELECT id FROM accounts_note)"
    ),
    "accounts_notificationchoice_kind_known": change("accounts_notificationchoice", kind="'gossip'"),
    "accounts_notificationchoice_one_a_kind": copy("accounts_notificationchoice"),
    "accounts_notificationmail_uid_key": copy("accounts_notificationmail"),
    "accounts_notificationmail_waits_or_ended": change("accounts_notificationmail", next_try_at="NULL"),
    "accounts_task_done_by_with_done_at": change("accounts_task", done_by_id="assignee_id"),
    "accounts_task_external_id_key": copy("accounts_task", uid="gen_random_uuid()"),
    "accounts_task_external_id_null_or_given": change("accounts_task", external_id="''"),
    "accounts_task_priority_known": change("accounts_task", priority="'soon'"),
    "accounts_task_state_has_its_time": change("accounts_task", state="'done'"),
    "accounts_task_title_given": change("accounts_task", title="''"),
    "accounts_task_uid_key": copy("accounts_task", external_id="NULL"),
    "accounts_taskcomment_body_given": change("accounts_taskcomment", body="''"),
    "accounts_user_email_key": copy("accounts_user"),
    "accounts_user_email_lower": change("accounts_user", email="upper(email)"),
    "accounts_user_locale_known": change("accounts_user", locale="'xx'"),
    "accounts_user_role_known": change("accounts_user", role="'owner'"),
    "accounts_user_theme_known": change("accounts_user", theme="'sepia'"),
    "accounts_user_groups_user_id_group_id_59c0b32f_uniq": copy("accounts_user_groups"),
    "accounts_user_user_permi_user_id_permission_id_2ab516c2_uniq": copy("accounts_user_user_permissions"),
    "common_auditproof_what_salted_or_erased": copy("common_auditproof", what_erasure="1"),
    "common_auditproof_who_salted_or_erased": copy("common_auditproof", who_salt="NULL"),
    "common_auditseal_one_successor": copy("common_auditseal", number="2"),
    "common_filepiece_one_a_number": copy("common_filepiece"),
    "common_idempotencyrecord_one_a_key": copy("common_idempotencyrecord"),
    "objectives_disagreement_accepted_by_somebody": change("objectives_disagreement", accepted_difference="1"),
    "objectives_disagreement_one_a_metric": copy("objectives_disagreement"),
    "objectives_heldreading_decided_by_somebody": change("objectives_heldreading", state="'rejected'"),
    "objectives_heldreading_one_a_key": copy("objectives_heldreading"),
    "objectives_importbatch_format_known": change("objectives_importbatch", file_format="'pdf'"),
    "objectives_importbatch_imported_when": change("objectives_importbatch", state="'checked'"),
    "objectives_importbatch_kind_known": change("objectives_importbatch", kind="'people'"),
    "objectives_importbatch_state_known": change("objectives_importbatch", state="'lost'", imported_at="NULL"),
    "objectives_importbatch_undone_when": change("objectives_importbatch", undone_at="imported_at"),
    "objectives_importchange_once": copy("objectives_importchange"),
    "objectives_importchange_range": copy(
        "objectives_importchange", "subject = 'reading'", subject_id="9", last_id="8"
    ),
    "objectives_importchange_subject_known": copy(
        "objectives_importchange", "subject = 'account'", subject="'person'", subject_id="9"
    ),
    "objectives_importchunk_in_order": copy("objectives_importchunk"),
    "objectives_importfailure_one_a_line": copy("objectives_importfailure"),
    "objectives_importmapping_kind_known": change("objectives_importmapping", kind="'people'"),
    "objectives_importmapping_one_a_source": copy("objectives_importmapping"),
    "objectives_importmapping_source_given": change("objectives_importmapping", source="''"),
    "objectives_metric_cadence_known": change("objectives_metric", cadence="'hourly'"),
    "objectives_metric_direction_known": change("objectives_metric", direction="'left'"),
    "objectives_metric_key_key": copy("objectives_metric"),
    "objectives_metric_key_plain": change("objectives_metric", key="'Two words'"),
    "objectives_metric_kind_known": change("objectives_metric", kind="'other'"),
    "objectives_metric_tolerance_in_range": change("objectives_metric", tolerance="-1"),
    "objectives_metric_tolerance_unit_known": change("objectives_metric", tolerance_unit="'inches'"),
    "objectives_metric_unit_known": change("objectives_metric", unit="'furlongs'"),
    "objectives_metricversion_unique": copy("objectives_metricversion"),
    "objectives_objective_attribute_has_metric": change(
        "objectives_objective", VALUE, metric_id="(SELECT id FROM objectives_metric)"
    ),
    "objectives_objective_current_in_range": change("objectives_objective", "current = 40", current="'NaN'"),
    "objectives_objective_values_in_range": change("objectives_objective", VALUE, baseline="'NaN'"),
    "objectives_revision_values_in_range": copy("objectives_objectiverevision", VALUE, target="'NaN'", number="9"),
    "objectives_snapshotarchive_file_key": copy("objectives_snapshotarchive"),
    "objectives_snapshotarchive_weeks_in_order": copy(
        "objectives_snapshotarchive", file="'x'", last_week="first_week - 7"
    ),
    "objectives_objective_cadence_known": change("objectives_objective", cadence="'hourly'"),
    "objectives_objective_current_from_reading": change("objectives_objective", "current = 40", reading_id="NULL"),
    "objectives_objective_done_is_manual": change("objectives_objective", VALUE, done="true"),
    "objectives_objective_due_after_start": change("objectives_objective", due_on="started_on"),
    "objectives_objective_external_id_key": copy("objectives_objective", "external_id IS NOT NULL"),
    "objectives_objective_external_id_null_or_given": change("objectives_objective", external_id="''"),
    "objectives_objective_grade_of_reading": change("objectives_objective", "current = 40", grade="''"),
    "objectives_objective_kind_known": change("objectives_objective", kind="'other'"),
    "objectives_objective_manual_not_measured": change(
        "objectives_objective", "completion_type = 'manual'", current="1", measured_at="now()", grade="'reported'",
        reading_id="(SELECT min(id) FROM objectives_reading)",
    ),
    "objectives_objective_numeric_has_distance": change("objectives_objective", VALUE, target="baseline"),
    "objectives_objective_title_given": change("objectives_objective", title="''"),
    "objectives_objective_unit_known": change("objectives_objective", unit="'furlongs'"),
    "objectives_objective_weight_in_range": change("objectives_objective", weight="100.000001"),
    "objectives_reading_confidence_known": copy("objectives_reading", confidence="'sure'"),
    "objectives_reading_origin_known": copy("objectives_reading", origin="'a friend'"),
    "objectives_reading_metric_version": copy("objectives_reading", OF_METRIC, metric_version="NULL"),
    "objectives_reading_one_subject": copy(
        "objectives_reading", OF_METRIC, objective_id="(SELECT min(id) FROM objectives_objective)"
    ),
    "objectives_reading_value_in_range": copy("objectives_reading", value="'NaN'"),
    "objectives_revision_attribute_has_metric": copy(
        "objectives_objectiverevision", VALUE, completion_type="'attribute'", number="9"
    ),
    "objectives_revision_due_after_start": copy("objectives_objectiverevision", due_on="started_on", number="9"),
    "objectives_revision_kind_known": copy("objectives_objectiverevision", kind="'other'", number="9"),
    "objectives_revision_number_unique": copy("objectives_objectiverevision"),
    "objectives_revision_numeric_has_distance": copy(
        "objectives_objectiverevision", VALUE, target="baseline", number="9"
    ),
    "objectives_revision_unit_known": copy("objectives_objectiverevision", unit="'furlongs'", number="9"),
    "objectives_revision_weight_in_range": copy("objectives_objectiverevision", weight="0", number="9"),
    "objectives_snapshot_one_a_week": copy("objectives_snapshot"),
    "objectives_snapshot_status_known": change("objectives_snapshot", status="'fine'"),
    "objectives_snapshot_status_with_score": change("objectives_snapshot", status="NULL"),
    "objectives_snapshot_week_is_sunday": change("objectives_snapshot", week="week + 1"),
    "portfolio_defaultview_list_known": change("portfolio_defaultview", list_name="'other'"),
    "portfolio_defaultview_one_a_list": copy("portfolio_defaultview"),
    "portfolio_savedview_list_known": change("portfolio_savedview", list_name="'other'"),
    "portfolio_savedview_name_given": change("portfolio_savedview", name="''"),
    "portfolio_savedview_name_once": copy("portfolio_savedview", name="upper(name)"),
    "objectives_standing_status_with_score": change(
        "objectives_standing", "value_delivered IS NOT NULL", status="NULL"
    ),
}  # fmt: skip


def writable_columns(table: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
            " AND attgenerated = '' ORDER BY attnum",
            [table],
        )
        return [name for (name,) in cursor.fetchall()]


def constraints() -> dict[str, tuple[str, str]]:
    """Read every check and unique constraint of our tables: name → table, definition."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname, conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE contype IN ('c', 'u', 'x') AND connamespace = 'public'::regnamespace"
            " UNION ALL SELECT indexrelid::regclass::text, indrelid::regclass::text, pg_get_indexdef(indexrelid)"
            " FROM pg_index JOIN pg_class ON pg_class.oid = indrelid WHERE relnamespace = 'public'::regnamespace"
            " AND indisunique AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)"
        )
        return {
            name: (table, definition) for name, table, definition in cursor.fetchall() if table.split("_")[0] in APPS
        }


def counts() -> dict[str, Broken]:
    """Break each count column, whose check Django makes and names by itself."""
    found = {}
    for name, (table, definition) in constraints().items():
        if match := re.fullmatch(r"CHECK \(\((\w+) >= 0\)\)", definition.replace('"', "")):
            values = {match[1]: "-1"}
            is_copy = table in APPEND_ONLY
            where = f"{match[1]} IS NOT NULL"
            found[name] = Broken(table, values, where, is_copy=is_copy)
    return found


def refused_by(statement: str) -> str | None:
    """Tell which constraint refuses a statement; what else goes wrong, in its own words, and None if nothing does."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
            transaction.set_rollback(True)
    except IntegrityError as error:
        cause = error.__cause__
        if isinstance(cause, errors.CheckViolation | errors.UniqueViolation):
            return cause.diag.constraint_name
        return str(error)
    return None


def test_every_constraint_has_its_violation(world: World) -> None:
    assert set(constraints()) == set(BROKEN) | set(counts())


def test_constraints_refuse(world: World) -> None:
    """One world for all of them: making it costs more than breaking it."""
    assert {name: refused_by(row.statement()) for name, row in BROKEN.items()} == {name: name for name in BROKEN}


def test_counts_are_never_negative(world: World) -> None:
    broken = counts()
    assert len(broken) >= 25
    assert {name: refused_by(row.statement()) for name, row in broken.items()} == {name: name for name in broken}


def test_names_say_app_and_model() -> None:
    """`app_model_rule`, so that an error names where to look."""
    ours = [model for model in apps.get_models() if model._meta.app_label in APPS]
    wrong = {
        constraint.name
        for model in ours
        for constraint in model._meta.constraints
        if not constraint.name.startswith(f"{model._meta.app_label}_")
    }
    assert wrong == set()


# --- What the application's role may not do ---


def denied(statement: str, *, role: str = "") -> str:
    """Give PostgreSQL's words of refusal for lack of rights."""
    taken = f"SET LOCAL ROLE {role};" if role else ""
    with pytest.raises(ProgrammingError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"{taken} {statement}")
    assert isinstance(caught.value.__cause__, errors.InsufficientPrivilege)
    return str(caught.value).splitlines()[0]


@pytest.mark.parametrize(
    "statement", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {}", "TRUNCATE {}", "TRUNCATE {} CASCADE"]
)
def test_history_is_not_rewritten(world: World, statement: str) -> None:
    said = {table: denied(statement.format(table, writable_columns(table)[0])) for table in APPEND_ONLY}
    assert said == {table: f"permission denied for table {table}" for table in APPEND_ONLY}


def test_history_grows(world: World) -> None:
    assert {table: growth(table) for table in APPEND_ONLY} == dict.fromkeys(APPEND_ONLY, 1)


def growth(table: str) -> int:
    """Add a row, count what that adds, and take it back."""
    changes = {
        "common_auditproof": {"entry_id": "-1"}, "common_auditseal": {"number": "9", "previous_hash": "'9'::bytea"},
        "objectives_importchange": {"subject_id": "9", "last_id": "CASE WHEN subject = 'reading' THEN 9 END"},
        "objectives_metricversion": {"version": "9"}, "objectives_objectiverevision": {"number": "9"},
        "objectives_snapshotarchive": {"file": "'another'"},
    }  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        if table in HISTORY:
            cursor.execute(HISTORY[table])
            changes[table] = {"pgh_id": "-1"}
        cursor.execute(f"SELECT count(*) FROM {table}")
        before: int = cursor.fetchone()[0]
        cursor.execute(copy(table, **changes.get(table, {})).statement())
        cursor.execute(f"SELECT count(*) FROM {table}")
        after: int = cursor.fetchone()[0]
        transaction.set_rollback(True)
    return after - before


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION value_now() RETURNS timestamptz LANGUAGE sql AS 'SELECT now()'",
        "CREATE INDEX mine ON accounts_account (name)",
        "CREATE EXTENSION citext",
        "CREATE ROLE mine",
        "ALTER TABLE accounts_account ADD COLUMN mine int",
        "ALTER TABLE objectives_reading DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE objectives_reading NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY portal ON objectives_objective",
        "CREATE POLICY mine ON objectives_objective USING (true)",
        "ALTER TABLE common_auditentry OWNER TO vr_app",
        "DROP TABLE common_auditentry",
        "DROP TRIGGER objectives_standing_insert ON accounts_account",
        "ALTER TABLE accounts_account DISABLE TRIGGER ALL",
        "TRUNCATE accounts_account CASCADE",
        "SET ROLE vr_owner",
        "ALTER ROLE vr_app BYPASSRLS",
    ],
)
def test_application_changes_no_tables(statement: str) -> None:
    assert re.match(r"permission denied|must be owner", denied(statement))


def test_a_grant_to_itself_comes_to_nothing() -> None:
    """PostgreSQL only warns about it; the rights stay as they were."""
    with connection.cursor() as cursor:
        cursor.execute("GRANT UPDATE ON common_auditentry TO vr_app")
        cursor.execute("SELECT has_table_privilege('vr_app', 'common_auditentry', 'UPDATE')")
        assert cursor.fetchone() == (False,)


def test_application_role_is_bound_by_row_level_security() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolinherit FROM pg_roles"
            " WHERE rolname IN (current_user, %s) ORDER BY 1",
            [settings.PORTAL_ROLE],
        )
        assert cursor.fetchall() == [
            ("vr_app", False, False, False, False, False),
            ("vr_portal", False, False, False, False, True),
        ]
        cursor.execute("SELECT pg_has_role(current_user, 'vr_owner', 'MEMBER')")
        assert cursor.fetchone() == (False,)


# --- Row-level security ---

# Scoped by what they hang on; the audit log by rights alone: the portal's role has none there.
SCOPED_OTHERWISE = {
    "accounts_account",
    "accounts_checklistitem",
    "accounts_meeting_attendees",
    "accounts_meeting_contacts",
    "accounts_notificationmail",
    "accounts_taskcomment",
    "accounts_accounthistory",
    "objectives_objectiverevision",
    "objectives_snapshotobjective",
}
NOT_SCOPED = {"common_auditentry"}


def test_every_account_scoped_table_enforces_row_security() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attname = 'account_id'"
        )
        scoped = {name for (name,) in cursor.fetchall()} | SCOPED_OTHERWISE
        cursor.execute("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
        assert {name for (name,) in cursor.fetchall()} == scoped - NOT_SCOPED


def test_portal_role_reads_four_tables_and_writes_none() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, p.privilege FROM pg_class c CROSS JOIN unnest(%s::text[]) AS p (privilege)"
            " WHERE c.relkind IN ('r', 'v', 'm', 'p') AND c.relnamespace = 'public'::regnamespace"
            " AND (has_table_privilege(%s, c.oid, p.privilege)"
            "   OR p.privilege = 'SELECT' AND has_any_column_privilege(%s, c.oid, p.privilege)) ORDER BY 1",
            [
                ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"],
                settings.PORTAL_ROLE, settings.PORTAL_ROLE,
            ],
        )  # fmt: skip
        assert cursor.fetchall() == [
            ("accounts_account", "SELECT"),
            ("objectives_objective", "SELECT"),
            ("objectives_snapshot", "SELECT"),
            ("objectives_snapshotobjective", "SELECT"),
        ]


def test_portal_role_reads_of_an_account_what_a_customers_page_needs(world: World) -> None:
    """Contract value, owner, segment and renewal are the team's, also for a statement that was written carelessly."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'accounts_account'::regclass AND attnum > 0"
            " AND NOT attisdropped AND has_column_privilege(%s, attrelid, attnum, 'SELECT') ORDER BY attname",
            [settings.PORTAL_ROLE],
        )
        assert [name for (name,) in cursor.fetchall()] == [
            "contract_signed_on", "currency", "id", "name", "timezone", "went_live_on",
        ]  # fmt: skip
    for column in ("*", "arr", "owner_id", "segment", "external_id", "renewal_on"):
        statement = f"SELECT {column} FROM accounts_account"
        assert denied(statement, role="vr_portal") == "permission denied for table accounts_account"


def seen(account_id: str | None) -> dict[str, list[str]]:
    """Read as the portal's role, with the account that a request set (None: it forgot to)."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE vr_portal")
        if account_id is not None:
            cursor.execute("SELECT set_config('app.account_id', %s, true)", [account_id])
        rows = {}
        for table, column in (("accounts_account", "name"), ("objectives_objective", "title")):
            cursor.execute(f"SELECT {column} FROM {table} ORDER BY {column}")
            rows[table] = [value for (value,) in cursor.fetchall()]
        cursor.execute("RESET ROLE")
    return rows


def test_portal_role_sees_its_own_accounts_shared_objectives(world: World) -> None:
    own = seen(str(world.account.pk))
    assert own == {"accounts_account": ["Northwind"], "objectives_objective": ["Manual goal", "Shared goal"]}
    other = seen(str(world.other_account.pk))
    assert other == {"accounts_account": ["Contoso"], "objectives_objective": ["Foreign goal"]}


@pytest.mark.parametrize("account_id", [None, "", "0", "999999999"])
def test_portal_role_sees_nothing_without_an_account(world: World, account_id: str | None) -> None:
    assert seen(account_id) == {"accounts_account": [], "objectives_objective": []}


def test_a_setting_left_over_from_an_earlier_transaction_shows_nothing(world: World) -> None:
    """After SET LOCAL the setting reads as '' for the rest of the session."""
    seen(str(world.account.pk))
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.account_id', '', true)")
    assert seen(None) == {"accounts_account": [], "objectives_objective": []}


def test_portal_role_is_refused_on_a_setting_that_is_no_number(world: World) -> None:
    with pytest.raises(DatabaseError, match="invalid input syntax for type bigint"):
        seen("1 OR true")


def test_archived_objectives_leave_the_portal(world: World) -> None:
    world.shared.__class__.objects.filter(pk=world.shared.pk).update(archived_at="2026-11-01T00:00Z")
    assert seen(str(world.account.pk))["objectives_objective"] == ["Manual goal"]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1 FROM objectives_reading",
        "SELECT value_delivered FROM objectives_snapshot",
        "SELECT baseline FROM objectives_snapshotobjective",
        "SELECT 1 FROM objectives_standing",
        "SELECT 1 FROM objectives_objectiverevision",
        "SELECT 1 FROM common_auditentry",
        "SELECT 1 FROM accounts_user",
        "SELECT 1 FROM accounts_contact",
        "SELECT 1 FROM accounts_teammember",
        "SELECT 1 FROM accounts_savedsegment",
        "SELECT 1 FROM accounts_apikey",
        "SELECT 1 FROM django_session",
        "UPDATE objectives_objective SET title = 'x'",
        "DELETE FROM accounts_account",
        "INSERT INTO objectives_metric DEFAULT VALUES",
        "CREATE TABLE mine (id int)",
    ],
)
def test_portal_role_reaches_nothing_else(statement: str) -> None:
    assert denied(statement, role="vr_portal").startswith("permission denied")


def test_the_application_and_the_owner_see_every_row(world: World) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_account")
        assert cursor.fetchone() == (2,)
        cursor.execute(
            "SELECT polrelid::regclass::text, polroles::regrole[]::text FROM pg_policy WHERE polname = 'staff'"
        )
        assert {roles for _, roles in cursor.fetchall()} == {"{vr_owner,vr_app}"}
