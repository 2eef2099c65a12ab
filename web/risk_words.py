"""What was laid down for an account, as JSON."""

from typing import Any

from domain.risk_rows import EVERYBODY, AccountRisk
from web.numbers import text_or_none


def account_risk(rows: Any, account_id: str) -> dict[str, Any]:
    """What holds for an account now, or for everybody."""
    row: AccountRisk = rows["risks"].get(account_id) or AccountRisk()
    everybody: AccountRisk = rows["risks"].get(EVERYBODY) or AccountRisk()
    positions = {
        key.partition("|")[2]: text_or_none(limit.units)
        for key, limit in rows["position_limits"].scan(f"{account_id}|")
        if limit.units is not None
    }
    return {
        "account_id": account_id or None,
        "state": row.state.value.lower(),
        "is_killed": row.is_killed or everybody.is_killed,
        "kind": "margin" if row.margin_asset else "cash",
        "margin_asset": row.margin_asset or None,
        "limits": {
            "positions": positions,
            "concentration": text_or_none(row.concentration_limit),
            "loss": text_or_none(row.loss_limit),
            "loss_asset": row.loss_asset or None,
            "orders_per_second": row.orders_per_second or None,
            "burst": row.burst or None,
        },
    }
