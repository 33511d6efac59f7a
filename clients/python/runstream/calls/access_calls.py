"""The calls of a client about who may use the server."""

from __future__ import annotations

from collections.abc import Iterator

from runstream import entities
from runstream.contract.messages import new_message
from runstream.transport.connection import Connection
from runstream.v1 import access_service_pb2 as access


class AccessCalls:
    """The part of `TrackingClient` that speaks to AccessService."""

    _connection: Connection

    def create_token(
        self,
        user_name: str = "",
        role: str = "writer",
        expiry_time: int | None = None,
        description: str = "",
    ) -> entities.NewToken:
        """Make a token, by which somebody says who calls; its text is returned this one time.

        The first token of a server has to be that of an admin. From then on every call needs one.

        Args:
            user_name: whose it is, 1 to 250 characters; the caller's, if left out.
            role: what it allows at the most: `reader`, `writer` or `admin`.
            expiry_time: when it expires, in milliseconds since the epoch; never, if left out.
            description: what it is for, up to 250 characters.

        Raises:
            InvalidArgument: an argument breaks its rule.
            PermissionDenied: it is of somebody else or allows more than the caller may, and the
                caller is no admin.
            FailedPrecondition: it is the first one, and not that of an admin.
        """
        from runstream.entities.token import role_of_name

        request = new_message(
            access.CreateTokenRequest,
            user_name=user_name,
            role=role_of_name(role),
            expiry_time=expiry_time,
            description=description,
        )
        answer = self._connection.call(lambda stubs: stubs.access.CreateToken, request)
        return entities.NewToken(entities.Token.from_proto(answer.token), answer.secret)

    def list_tokens(self, user_name: str = "") -> Iterator[entities.Token]:
        """Yield tokens in the order in which they were made, page by page.

        Admins see all tokens, others their own.

        Args:
            user_name: only those of this user; of everybody, if left out.
        """
        request = access.ListTokensRequest(user_name=user_name)
        while True:
            answer = self._connection.call(lambda stubs: stubs.access.ListTokens, request)
            yield from map(entities.Token.from_proto, answer.tokens)
            if not answer.next_page_token:
                return
            request.page_token = answer.next_page_token

    def revoke_token(self, token_id: int) -> entities.Token:
        """Revoke a token, and return it; the streams that were opened with it end.

        Raises:
            NotFound: there is none of this id that the caller may see.
            FailedPrecondition: no valid token of an admin would be left, and only tokens make
                admins on this server.
        """
        request = new_message(access.RevokeTokenRequest, token_id=token_id)
        answer = self._connection.call(lambda stubs: stubs.access.RevokeToken, request)
        return entities.Token.from_proto(answer.token)

    def revoke_user_tokens(self, user_name: str) -> list[int]:
        """Revoke all tokens of a user, and end their sessions of the interface.

        Tokens that they made for others stay.

        Returns:
            The ids of the tokens that were revoked now.

        Raises:
            InvalidArgument: it is no name of a user.
            NotFound: they have neither tokens nor sessions, or the caller may not see them.
            FailedPrecondition: as `revoke_token`.
        """
        request = new_message(access.RevokeUserTokensRequest, user_name=user_name)
        answer = self._connection.call(lambda stubs: stubs.access.RevokeUserTokens, request)
        return list(answer.token_ids)

    def get_caller(self) -> entities.CallerInfo:
        """Return who calls, as the server knows them."""
        request = access.GetCallerRequest()
        answer = self._connection.call(lambda stubs: stubs.access.GetCaller, request)
        return entities.CallerInfo.from_proto(answer)

    def set_grant(self, experiment_id: str, grantee: str, role: str) -> None:
        """Grant a role on an experiment, in place of the one that the grantee has on it.

        Whoever creates an experiment owns it. Others see it when it is granted to them.

        Args:
            experiment_id: the id of the experiment.
            grantee: `user:NAME` or `group:NAME`; `group:everyone` is everybody who has a token.
            role: `reader`; `writer`, who also logs and deletes runs; or `owner`, who also renames
                and deletes the experiment, and grants roles on it.

        Raises:
            InvalidArgument: an argument breaks its rule.
            NotFound: there is no such experiment that the caller sees.
            PermissionDenied: the caller is neither an owner of it nor an admin.
            FailedPrecondition: it has 1,000 grants.
        """
        from runstream.entities.grant import grant_role_of_name

        request = new_message(
            access.SetGrantRequest,
            experiment_id=experiment_id,
            grantee=grantee,
            role=grant_role_of_name(role),
        )
        self._connection.call(lambda stubs: stubs.access.SetGrant, request)

    def delete_grant(self, experiment_id: str, grantee: str) -> None:
        """Take from a user or a group the role that they have on an experiment.

        Raises:
            InvalidArgument, NotFound, PermissionDenied: as `set_grant`; NotFound also if they have
                none.
        """
        request = new_message(
            access.DeleteGrantRequest, experiment_id=experiment_id, grantee=grantee
        )
        self._connection.call(lambda stubs: stubs.access.DeleteGrant, request)

    def list_grants(self, experiment_id: str) -> list[entities.Grant]:
        """Return the grants on an experiment, by grantee.

        Raises:
            NotFound: there is no such experiment that the caller sees.
        """
        request = new_message(access.ListGrantsRequest, experiment_id=experiment_id)
        answer = self._connection.call(lambda stubs: stubs.access.ListGrants, request)
        return [entities.Grant.from_proto(grant) for grant in answer.grants]

    def search_audit_log(
        self, user_name: str = "", method: str = "", start_time: int = 0
    ) -> Iterator[entities.AuditEntry]:
        """Yield the entries of the audit log, the newest first, page by page.

        It has the calls that changed something and those that were refused, and no values.

        Args:
            user_name: only calls of this user; of everybody, if left out.
            method: only calls of this RPC, such as `DeleteRun`; of all, if left out.
            start_time: only calls that ended then or later, in milliseconds since the epoch.

        Raises:
            PermissionDenied: the caller is no admin.
        """
        request = new_message(
            access.SearchAuditLogRequest,
            user_name=user_name,
            method=method,
            start_time=start_time,
            max_results=1000,
        )
        while True:
            answer = self._connection.call(lambda stubs: stubs.access.SearchAuditLog, request)
            yield from map(entities.AuditEntry.from_proto, answer.entries)
            if not answer.next_page_token:
                return
            request.page_token = answer.next_page_token
