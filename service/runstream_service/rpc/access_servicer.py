"""AccessService."""

from __future__ import annotations

from functools import partial

from runstream.errors import InvalidArgument
from runstream.rules import (
    KEY_CHARACTERS,
    check_grantee,
    check_text,
    check_timestamp,
    check_user_name,
)
from runstream.v1 import access_service_pb2 as pb
from runstream.v1.access_service_pb2_grpc import AccessServiceServicer
from runstream_service.access import audit, revocation, tokens
from runstream_service.access.authentication import Authentication
from runstream_service.access.caller import GrantRole, ServerRole
from runstream_service.catalog import grants
from runstream_service.engine.readers import Readers
from runstream_service.engine.tables import AuditEntry, Token
from runstream_service.engine.writer import Writer
from runstream_service.rpc.call_context import CallContext
from runstream_service.rpc.page_token import (
    check_page_size,
    decode_page_token,
    encode_page_token,
)
from runstream_service.rpc.write_id import write_id

_PAGE, _MAX_PAGE = 100, 1_000


class AccessServicer(AccessServiceServicer):
    def __init__(
        self, writer: Writer, readers: Readers, authentication: Authentication, *, keep_admin: bool
    ) -> None:
        """Prepare.

        Args:
            writer: that of the database.
            readers: those of the database.
            authentication: knows the tokens that were seen.
            keep_admin: whether a valid token of an admin is always left.
        """
        self._keep_admin = keep_admin
        self._writer = writer
        self._readers = readers
        self._authentication = authentication

    async def CreateToken(
        self, request: pb.CreateTokenRequest, context: CallContext
    ) -> pb.CreateTokenResponse:
        if request.user_name:
            check_user_name("user_name", request.user_name)
        check_text("description", request.description, KEY_CHARACTERS)
        expiry = request.expiry_time if request.HasField("expiry_time") else None
        if expiry is not None:
            check_timestamp("expiry_time", expiry)
        new = tokens.NewToken(
            request.user_name, request.description, _server_role(request.role), expiry
        )
        token, text = await self._writer.submit(tokens.create, context.caller, new)
        self._authentication.close_server()
        return pb.CreateTokenResponse(token=_token(token), secret=text)

    async def ListTokens(
        self, request: pb.ListTokensRequest, context: CallContext
    ) -> pb.ListTokensResponse:
        check_page_size(request.max_results, _MAX_PAGE)
        query = ("tokens", context.caller.name, request.user_name)
        after = decode_page_token(query, request.page_token, 1) or [0]
        limit = request.max_results or _PAGE
        found = await self._readers.page(
            tokens.page, context.caller, request.user_name, after[0], limit + 1
        )
        next_page = encode_page_token(query, [found[limit - 1].id]) if len(found) > limit else ""
        return pb.ListTokensResponse(tokens=map(_token, found[:limit]), next_page_token=next_page)

    async def RevokeToken(
        self, request: pb.RevokeTokenRequest, context: CallContext
    ) -> pb.RevokeTokenResponse:
        token = await self._writer.submit(
            partial(revocation.revoke, keep_admin=self._keep_admin),
            context.caller,
            request.token_id,
        )
        self._authentication.revoke(request.token_id)
        return pb.RevokeTokenResponse(token=_token(token))

    async def RevokeUserTokens(
        self, request: pb.RevokeUserTokensRequest, context: CallContext
    ) -> pb.RevokeUserTokensResponse:
        check_user_name("user_name", request.user_name)
        token_ids = await self._writer.submit(
            partial(revocation.revoke_of_user, keep_admin=self._keep_admin),
            context.caller,
            request.user_name,
        )
        for token_id in token_ids:
            self._authentication.revoke(token_id)
        return pb.RevokeUserTokensResponse(token_ids=token_ids)

    async def GetCaller(
        self, request: pb.GetCallerRequest, context: CallContext
    ) -> pb.GetCallerResponse:
        caller = context.caller
        return pb.GetCallerResponse(
            user_name=caller.name,
            role=pb.ServerRole.ValueType(caller.role),
            groups=caller.groups,
            expiry_time=caller.expiry_time,
        )

    async def SetGrant(
        self, request: pb.SetGrantRequest, context: CallContext
    ) -> pb.SetGrantResponse:
        check_grantee("grantee", request.grantee)
        role = _grant_role(request.role)
        write = write_id(request.write)
        await self._writer.submit(
            grants.set_role, context.caller, request.experiment_id, request.grantee, role, write
        )
        return pb.SetGrantResponse()

    async def DeleteGrant(
        self, request: pb.DeleteGrantRequest, context: CallContext
    ) -> pb.DeleteGrantResponse:
        check_grantee("grantee", request.grantee)
        write = write_id(request.write)
        await self._writer.submit(
            grants.delete, context.caller, request.experiment_id, request.grantee, write
        )
        return pb.DeleteGrantResponse()

    async def ListGrants(
        self, request: pb.ListGrantsRequest, context: CallContext
    ) -> pb.ListGrantsResponse:
        found, role = await self._readers.page(
            grants.of_experiment, context.caller, request.experiment_id
        )
        return pb.ListGrantsResponse(
            grants=[
                pb.Grant(
                    experiment_id=str(each.experiment),
                    grantee=each.grantee,
                    role=pb.GrantRole.ValueType(each.role),
                )
                for each in found
            ],
            role=pb.GrantRole.ValueType(role),
        )

    async def SearchAuditLog(
        self, request: pb.SearchAuditLogRequest, context: CallContext
    ) -> pb.SearchAuditLogResponse:
        check_page_size(request.max_results, _MAX_PAGE)
        limit = request.max_results or _PAGE
        query = ("audit", context.caller.name, request.user_name, request.method)
        before = decode_page_token(query, request.page_token, 1) or [0]
        found = await self._readers.page(
            audit.page,
            context.caller,
            request.user_name,
            request.method,
            request.start_time,
            before[0],
            limit + 1,
        )
        next_page = encode_page_token(query, [found[limit - 1].id]) if len(found) > limit else ""
        return pb.SearchAuditLogResponse(
            entries=map(_audit_entry, found[:limit]), next_page_token=next_page
        )


def _server_role(role: pb.ServerRole.ValueType) -> ServerRole:
    if role in pb.ServerRole.values() and role:
        return ServerRole(role)
    raise _role_unknown_error(role, ServerRole)


def _grant_role(role: pb.GrantRole.ValueType) -> GrantRole:
    if role in pb.GrantRole.values() and role:
        return GrantRole(role)
    raise _role_unknown_error(role, GrantRole)


def _role_unknown_error(role: int, kind: type[ServerRole] | type[GrantRole]) -> InvalidArgument:
    names = ", ".join(one.name.lower() for one in kind)
    return InvalidArgument(
        f"Invalid value {role} for parameter 'role' supplied: it must be one of {names}",
        reason="ROLE_UNKNOWN",
        field="role",
        value=role,
        limit=names,
    )


def _token(token: Token) -> pb.Token:
    return pb.Token(
        token_id=token.id,
        user_name=token.user_name,
        description=token.description,
        role=pb.ServerRole.ValueType(token.role),
        creation_time=token.creation_time,
        expiry_time=token.expiry_time,
        revocation_time=token.revocation_time,
        last_use_time=token.last_use_time,
        created_by=token.created_by or "",
    )


def _audit_entry(entry: AuditEntry) -> pb.AuditEntry:
    return pb.AuditEntry(
        time=entry.time,
        user_name=entry.user_name,
        peer=entry.peer,
        method=entry.method,
        subject=entry.subject,
        code=entry.code,
    )
