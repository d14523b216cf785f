"""The permission rules that hold in a session from outside, for whoever lists them."""

from __future__ import annotations

from collections.abc import Sequence

from jidoka.agent.gate import project_rules
from jidoka.contract.internal import RulesAnswer, RulesAsked
from jidoka.contract.replies import RuleInfo
from jidoka.core.permission import Rules
from jidoka.core.rules import parse_rules


def rules_outside(asked: RulesAsked, machine: Sequence[str]) -> RulesAnswer:
    """Return the rules of this machine and of a project folder, as they are now.

    Raises:
        InvalidMessage: one of the machine's is no rule.
    """
    ours = _told(parse_rules(machine, "permission_rules"), "machine")
    return RulesAnswer(rules=(*ours, *_told(project_rules(asked.project_path), "project")))


def _told(rules: Rules, source: str) -> tuple[RuleInfo, ...]:
    return tuple(RuleInfo(rule=rule.text, source=source, where=rule.source) for rule in rules)
