// Who may read, change or own an experiment. Its owners grant that, others see it.

import { createSignal, For, Show } from "solid-js";
import type { ApiError } from "../api/client";
import { shown } from "../api/client";
import { deleteGrant, type Grant, ROLES, type Role, readAccess, setGrant } from "../api/grants";
import { may } from "../api/rights";
import { Dialog } from "../parts/Dialog";
import { ErrorNote } from "../parts/ErrorNote";
import { createLoaded } from "../parts/loaded";
import "../style/list.css";

export default function ExperimentAccess(props: {
  experiment: string;
  name: string;
  close: () => void;
}) {
  const access = createLoaded(() => props.experiment, readAccess);
  const [error, setError] = createSignal<ApiError>();
  const change = async (action: Promise<void>) => {
    try {
      await action;
      setError(undefined);
    } catch (failure) {
      setError(shown(failure));
    }
    access.again();
  };
  const owns = () => may(access.value(), "own");
  return (
    <Dialog title={`Access to ${props.name}`} close={props.close}>
      <Show when={error()}>{(found) => <ErrorNote error={found()} />}</Show>
      <Show when={access.error()}>
        {(found) => <ErrorNote error={found()} again={access.again} />}
      </Show>
      <Show when={access.value()} fallback={access.loading() && <p class="loading">Loading…</p>}>
        {(now) => (
          <Show when={now().grants.length} fallback={<p class="empty">Only admins see it.</p>}>
            <Grants
              grants={now().grants}
              fixed={!owns()}
              set={(grant) => change(setGrant(props.experiment, grant))}
              remove={(grantee) => change(deleteGrant(props.experiment, grantee))}
            />
          </Show>
        )}
      </Show>
      <Show when={owns()}>
        <NewGrant grant={(grant) => change(setGrant(props.experiment, grant))} />
      </Show>
    </Dialog>
  );
}

function Grants(props: {
  grants: Grant[];
  fixed: boolean;
  set: (grant: Grant) => void;
  remove: (grantee: string) => void;
}) {
  return (
    <table class="list">
      <thead>
        <tr>
          <th scope="col">User or group</th>
          <th scope="col">Role</th>
          <th scope="col">
            <span class="unseen">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        <For each={props.grants}>
          {(grant) => (
            <tr>
              <th scope="row">{grant.grantee}</th>
              <td>
                <Show when={!props.fixed} fallback={grant.role}>
                  <RoleChoice
                    label={`Role of ${grant.grantee}`}
                    role={grant.role}
                    choose={(role) => props.set({ ...grant, role })}
                  />
                </Show>
              </td>
              <td class="actions">
                <Show when={!props.fixed}>
                  <button type="button" onClick={() => props.remove(grant.grantee)}>
                    Remove<span class="unseen"> {grant.grantee}</span>
                  </button>
                </Show>
              </td>
            </tr>
          )}
        </For>
      </tbody>
    </table>
  );
}

function NewGrant(props: { grant: (grant: Grant) => void }) {
  const [grantee, setGrantee] = createSignal("");
  const [role, setRole] = createSignal<Role>("reader");
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    props.grant({ grantee: grantee().trim(), role: role() });
    setGrantee("");
  };
  return (
    <form class="bar" onSubmit={submit}>
      <input
        aria-label="User or group"
        placeholder="user:NAME, group:NAME, group:everyone"
        value={grantee()}
        onInput={(event) => setGrantee(event.currentTarget.value)}
        autocomplete="off"
        spellcheck={false}
      />
      <RoleChoice label="Role" role={role()} choose={setRole} />
      <button type="submit" class="primary" disabled={!grantee().trim()}>
        Grant
      </button>
    </form>
  );
}

function RoleChoice(props: { label: string; role: Role; choose: (role: Role) => void }) {
  return (
    <select
      aria-label={props.label}
      value={props.role}
      onChange={(event) => props.choose(event.currentTarget.value as Role)}
    >
      <For each={ROLES}>{(role) => <option value={role}>{role}</option>}</For>
    </select>
  );
}
