"""Who is in the demo portfolio: people, customers, and how each of them is doing.

Everything is told relative to the day of loading: weeks before an account's last Sunday, days until its renewal.
"""

from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

WEEKS: Final = 60

ZONES: Final = MappingProxyType(
    {
        "NY": "America/New_York",
        "LA": "America/Los_Angeles",
        "LON": "Europe/London",
        "BER": "Europe/Berlin",
        "ADL": "Australia/Adelaide",  # half an hour off, with daylight saving
        "KTM": "Asia/Kathmandu",  # three quarters
    }
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the team; those who can sign in share one password."""

    initials: str
    name: str
    email: str
    role: str = "csm"
    signs_in: bool = False


TEAM: Final = (
    Person("AO", "Amara Okafor", "csm@example.com", signs_in=True),
    Person("IS", "Ingrid Solheim", "leader@example.com", role="leader", signs_in=True),
    Person("SW", "Samuel Whitlow", "admin@example.com", role="admin", signs_in=True),
    Person("JL", "Jonas Lindqvist", "jonas.lindqvist@example.com"),
    Person("PR", "Priya Raman", "priya.raman@example.com"),
    Person("MA", "Mateo Alvarez", "mateo.alvarez@example.com"),
    Person("CD", "Chloé Dubois", "chloe.dubois@example.com"),
    Person("KM", "Kenji Mori", "kenji.mori@example.com"),
)
PASSWORD: Final = "demo"  # noqa: S105 - published, for the embedded set-up alone


@dataclass(frozen=True, slots=True)
class Given:
    """An objective with numbers of its own instead of one from the catalogue.

    Shape:  `current` at the last boundary, None when it was never measured; `live` the value measured since;
            `former_target` stood until `revised` weeks ago; archived `archived` weeks ago.
    """

    title: str
    unit: str
    baseline: str
    target: str
    current: str | None
    step: str = "1"
    unit_label: str = ""
    metric: str = ""
    live: str = ""
    owner: str = ""
    source: str = ""
    weight: str = "1"
    former_target: str = ""
    revised: int = 0
    archived: int = 0


@dataclass(frozen=True, slots=True)
class Customer:
    """One account.

    Shape:  `scores` are value delivered 60, 25 and 4 weeks ago and at the last boundary; any other number of them
            ends with the last weeks, one by one, and none means manual objectives only. `goals` counts its objectives
            from the catalogue, `met` those at or past their target. During the last `quiet` weeks nothing made
            progress; `moves`: something has since the last boundary.
    Units:  ARR in thousands of the account's currency; renewal and contract in days from today.
    """

    name: str
    industry: str
    segment: str
    zone: str
    owner: str
    arr: int | None
    renewal: int | None
    scores: tuple[float, ...] = ()
    goals: int = 0
    met: int = 0
    weeks: int = WEEKS
    quiet: int = 0
    moves: bool = False
    currency: str = "USD"
    contract: int | None = None
    given: tuple[Given, ...] = ()
    weights: tuple[str, ...] = ()
    manual: tuple[bool, ...] = ()
    corrected: bool = False


E, M, S = "enterprise", "mid_market", "small_business"

# The score by week since the one 25 weeks ago, as the account page of the design shows it.
BRIGHTWATER_TREND: Final = (
    38, 41, 42, 42, 42, 42, 45, 47, 48, 50, 52, 53, 54, 54, 54, 55, 57, 57, 61, 60, 62, 62, 62, 64, 64,
)  # fmt: skip

BRIGHTWATER: Final = Customer(
    "Brightwater Logistics", "Logistics", E, "NY", "AO", 184, 103, (6, *BRIGHTWATER_TREND, 65.84), contract=-626,
    manual=(True,), moves=True,
    given=(
        Given("Reduce onboarding time", "days", "14", "7", "10", "0.5", live="9", owner="AO",
              source="Onboarding board"),
        Given("Automate invoice matching", "percentage", "22", "80", "67", "0.5", metric="invoice_match_rate",
              live="68", owner="JL"),
        Given("Cut annual freight spend", "currency", "0", "600000", "412000", "500", owner="AO",
              source="Freight ledger"),
        Given("Daily active dispatchers", "users", "35", "120", "118", metric="daily_active_users", owner="PR"),
        Given("Raise shipper satisfaction", "score", "6.2", "8.0", "8.1", "0.05", owner="AO", source="Shipper survey"),
        Given("Reduce failed deliveries", "percentage", "4.8", "2.5", "3.9", "0.02", owner="MA", source="Dispatch log"),
        Given("Halve invoice disputes", "custom", "60", "27", "55", unit_label="disputes", live="58", owner="JL",
              source="ERP dispute feed"),
    ),
)  # fmt: skip

# In the order of the portfolio page: worst first.
WORST: Final = (
    Customer("Ostrava Freight", "Logistics", E, "BER", "JL", 210, 58, (25, 21, 16, 12), 5, 0, quiet=6),
    Customer("Calder & Rowe", "Retail", M, "LON", "PR", 72, 225, (5, 11, 15, 17), 3, 0),
    Customer("Pinehurst Mutual", "Finance", E, "NY", "AO", 165, 14, (38, 34, 28, 22), 6, 1),
    Customer("Veldt Foods", "Food", M, "BER", "MA", 58, 296, (41, 47, 48, 48), 4, 1, quiet=5),
    Customer("Tessera Retail", "Retail", E, "BER", "JL", 107, 134, (52, 60, 61, 61), 5, 2, quiet=5),
    Customer("Harbour & Finch", "Services", S, "LON", "CD", 24, 93, (4, 16, 23, 28), 2, 0),
    Customer("Nordlicht Energie", "Energy", E, "BER", "PR", 310, 179, (46, 43, 37, 34), 7, 1),
    Customer("Solano Clinics", "Health", M, "LA", "AO", 86, 66, (14, 26, 33, 37), 4, 1, moves=True),
    Customer("Abbot Street Bank", "Finance", E, "LON", "KM", 395, 164, (16, 30, 38, 41), 8, 2),
    Customer("Quillwork Media", "Services", S, "NY", "CD", 19, 267, (19, 36, 44, 46), 3, 1),
    Customer("Marlow Instruments", "Manufacturing", M, "LON", "MA", 70, 105, (45, 56, 57.8, 58), 3, 1, quiet=3),
    Customer("Cobalt Staffing", "Services", M, "LA", "AO", 64, 103, (18, 36, 46, 52), 5, 1, moves=True),
)

ON_TRACK: Final = (
    Customer("Greyfell Aggregates", "Manufacturing", M, "LON", "JL", 96, 312, (32, 42, 40.5, 53), 4, 1, given=(
        Given("Move deliveries to rail", "percentage", "0", "40", "9", "0.2", owner="JL", archived=10),
    )),
    Customer("Copperline Utilities", "Energy", E, "NY", "KM", 560, 241, (30, 45, 52, 55), 4, 1, given=(
        Given("Read meters remotely", "custom", "0", "1000", "999.9", "0.1", unit_label="meters", owner="KM",
              source="Meter data"),
    )),
    Customer("Ravenport Terminals", "Logistics", E, "ADL", "MA", 230, 190, (36, 51, 55, 57), 4, 1, moves=True, given=(
        Given("Reduce container dwell time", "days", "14", "7", "16", "0.1", owner="MA", source="Gate log"),
    )),
    Customer("Velden Mills", "Food", M, "BER", "CD", 64, 154, (38, 53, 57, 59), 3, 1, currency="EUR"),
    Customer("Wrenfield Textiles", "Manufacturing", M, "KTM", "KM", 88, 88, (41, 55, 59, 61), 4, 1),
    Customer("Foxglove Diagnostics", "Health", M, "NY", "AO", 132, 121, (40, 56, 60, 62), 4, 1, given=(
        Given("Shorten report turnaround", "days", "5", "2", None, "0.1", owner="AO", source="Laboratory system"),
        Given("Move orders to self-service", "percentage", "10", "45", None, metric="self_service_share", owner="PR"),
    )),
    Customer("Drumlin Outdoor", "Retail", S, "KTM", "JL", 31, 330, (44, 58, 62, 64), 3, 0, quiet=1),
    Customer("Ember Lane Hotels", "Services", M, "LON", "PR", 118, 47, (46, 60, 65, 66), 4, 1, moves=True),
    Customer("Tidewell Marine Supply", "Logistics", M, "ADL", "MA", 77, 205, (47, 61, 65, 67), 3, 1),
    Customer("Maplecross Schools", "Services", M, "NY", "AO", 149, 228, (46, 62, 67, 68), 4, 2, given=(
        Given("Train the teaching staff", "percentage", "10", "20", "10", metric="training_completion", owner="AO"),
    )),
    Customer("Oakhollow Credit Union", "Finance", E, "LA", "AO", 481, 139, (52, 67, 68, 70), 4, 1, given=(
        Given("Cut paper statements", "custom", "0", "90000", "61200", "100", unit_label="statements", owner="AO",
              source="Print centre", former_target="60000", revised=12),
    )),
    Customer("Kingsbarrow Steel", "Manufacturing", E, "LON", "CD", 530, 260, (50, 66, 70, 71), 3, 1,
             weights=("3", "1", "0.5")),
    Customer("Juniper Row Housing", "Services", M, "NY", "KM", 102, 75, (51, 67, 71, 72), 4, 1, corrected=True),
    Customer("Larchfield Dairies", "Food", E, "LON", "PR", 180, 172, (53, 68, 72, 73), 5, 2, currency="GBP",
             moves=True),
    Customer("Thistledown Nurseries", "Retail", S, "LON", "JL", 27, 289, (54, 70, 73, 75), 3, 1, given=(
        Given("Sell gift boxes online", "currency", "0", "50000", "6500", "250", live="0", owner="JL",
              source="Web shop"),
    )),
    Customer("Hazelmoor Care", "Health", M, "ADL", "CD", 95, 110, (52, 71, 74, 76), 3, 1, given=(
        Given("Train carers on the tablets", "users", "0", "200", "246", owner="CD", source="Training records"),
    )),
    Customer("Inkwater Press", "Services", S, "BER", "AO", None, 199, (56, 73, 77, 78), 3, 1),
    Customer("Umber & Slate", "Manufacturing", M, "LA", "PR", 141, 62, (58, 76, 79, 80), 4, 2, quiet=1),
    Customer("Pellworm Ferries", "Logistics", E, "BER", "MA", 210, 214, (60, 78, 81, 82), 5, 2, currency="EUR"),
    Customer("Lindgrove Pharmacies", "Health", E, "NY", "JL", 640, 147, (64, 81, 84, 85), 6, 3, moves=True),
    Customer("Saltmarsh Outfitters", "Retail", M, "LA", "KM", 83, 301, (66, 83, 86, 87), 4, 2),
    Customer("Orchard Quay Brewing", "Food", S, "NY", "AO", 22, 344, (79, 86, 90), 2, 1, weeks=2, contract=-38),
    Customer("Yarrow Bridge Legal", "Services", M, "LON", "KM", 160, None, (71, 89, 93, 94), 4, 3),
)  # fmt: skip

# Scored already, with no Sunday behind it yet.
NEWEST: Final = Customer(
    "Fernhollow Analytics", "Services", M, "NY", "AO", 90, 350, (70,), 3, 1, weeks=-1, contract=-12, moves=True
)

EXCEEDED: Final = (
    Customer("Glassfern Optical", "Health", M, "NY", "PR", 96, 118, (68, 92, 96.5, 100.8), 4, 3),
    Customer("Hollin Broadband", "Energy", E, "LON", "JL", 280, 236, (70, 96, 102, 104), 5, 4, moves=True),
    Customer("Northquay Seafood", "Food", M, "ADL", "MA", 115, 83, (74, 99, 105, 106), 4, 3),
    Customer("Tallow & Thread", "Retail", S, "LON", "CD", 38, 275, (75, 102, 107, 109), 3, 2),
    Customer("Sundial Roofing", "Manufacturing", M, "LA", "KM", 131, 159, (78, 105, 111, 112), 4, 3),
    Customer("Bramblewick Toys", "Retail", E, "BER", "AO", 310, 71, (80, 108, 114, 115), 5, 4),
    Customer("Lockhaven Storage", "Logistics", E, "NY", "PR", 230, 322, (82, 111, 117, 118), 4, 3, quiet=9),
)

ALL_MET: Final = (
    Customer("Cresswick Grain", "Food", M, "NY", "KM", 128, 253, (78, 94, 99, 101), 3, 3),
    Customer("Dovetail Joinery Group", "Manufacturing", M, "LON", "CD", 142, 127, (80, 97, 101, 103), 3, 3, quiet=3),
    Customer("Elmbank Veterinary", "Health", S, "LA", "JL", 46, 184, (76, 98, 103, 104), 2, 2),
    Customer("Fenwater Pumps", "Manufacturing", E, "BER", "MA", 224, 96, (82, 101, 106, 107), 4, 4, quiet=7),
)

MANUAL_ONLY: Final = (
    Customer("Heronsgate Theatre", "Services", S, "LON", "CD", 18, 210, manual=(True, False, False)),
    Customer("Larkrise Museums", "Services", M, "NY", "PR", 54, 165, manual=(True, True, False, False)),
    Customer("Stonebeck Council", "Services", E, "LON", "AO", 140, 99, manual=(False, False)),
    Customer("Tamber Valley Trust", "Health", S, "ADL", "KM", 26, 280, manual=(True, True)),
)

CUSTOMERS: Final = (BRIGHTWATER, *WORST, *ON_TRACK, NEWEST, *EXCEEDED, *ALL_MET, *MANUAL_ONLY)


def money(thousands: int | None) -> Decimal | None:
    """Write out thousands."""
    return None if thousands is None else Decimal(thousands) * 1000
