"""The client's way to questions, answers, and the rules that answers make."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from jidoka.client.past_turns import PastTurns
from jidoka.contract.errors import InvalidMessage
from jidoka.contract.permission_commands import (
    AnswerPermission,
    AnswerQuestion,
    ListPermissions,
    RevokePermission,
)
from jidoka.contract.replies import PermissionList


class Permissions(PastTurns):
    """The part of the client that answers."""

    async def answer(
        self,
        session_id: str,
        call_id: str,
        decision: Literal["allow", "deny"],
        *,
        remember: bool = False,
        rules: Iterable[str] = (),
        author: str = "",
    ) -> int:
        """Answer the question whether a call may run; the first answer wins.

        `remember` makes a rule of it, for exactly such a call unless `rules` are named.

        Raises:
            AlreadyAnswered: by whom, what and when. DeadlinePassed: the default was taken.
            CallNotFound: nothing was asked. InvalidMessage: no rule can be made of the call.
        """
        fields = {"call_id": call_id, "decision": decision, "remember": remember, "author": author}
        if named := tuple(rules):
            fields |= {"rules": named}
        return await self._record(AnswerPermission, fields, session_id)

    async def answer_question(
        self, session_id: str, call_id: str, answer: str, *, author: str = ""
    ) -> int:
        """Answer what the agent asks; the first answer wins. Raises what `answer` raises."""
        fields = {"call_id": call_id, "answer": answer, "author": author}
        return await self._record(AnswerQuestion, fields, session_id)

    async def answer_either(self, session_id: str, call_id: str, text: str) -> int:
        """Answer a question of whichever kind it is, by `allow`, `deny` or any text."""
        if text not in ("allow", "deny"):
            try:
                return await self.answer_question(session_id, call_id, text)
            except InvalidMessage as problem:
                if problem.problems[0]["path"] != "data.call_id":
                    raise
                raise InvalidMessage.of("answer", "is allow or deny, to this question") from None
        try:
            return await self.answer(session_id, call_id, "allow" if text == "allow" else "deny")
        except InvalidMessage:  # it is a question of the agent that offers these words
            return await self.answer_question(session_id, call_id, text)

    async def list_permissions(self, session_id: str) -> PermissionList:
        """Return what a session may do without asking, by which rules, and what it asks."""
        found = await self._ask(ListPermissions, {}, session_id)
        return PermissionList.model_validate(found)

    async def revoke_permission(self, session_id: str, rule: str) -> int:
        """Take back a rule that an answer made.

        Raises:
            CallNotFound: there is none that reads so.
        """
        return await self._record(RevokePermission, {"rule": rule}, session_id)
