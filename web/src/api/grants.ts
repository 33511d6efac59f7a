// Grants on an experiment: who may read, change or own it.

import { answered, api, type Schemas } from "./client";

export const ROLES = ["reader", "writer", "owner"] as const;
export type Role = (typeof ROLES)[number];

/** What a user or a group (`user:NAME`, `group:NAME`) may do with an experiment. */
export interface Grant {
  grantee: string;
  role: Role;
}

/** The grants on an experiment, and the role of who is signed in. */
interface Access {
  grants: Grant[];
  role: Role;
}

const PREFIX = "GRANT_ROLE_";

/** Returns who has which role on an experiment. */
export async function readAccess(experimentId: string): Promise<Access> {
  const { grants = [], role } = await answered(
    api.GET("/api/1.0/runstream/access/grants", {
      params: { query: { experiment_id: experimentId } },
    }),
  );
  return {
    grants: grants.map((grant) => ({ grantee: grant.grantee ?? "", role: roleOf(grant.role) })),
    role: roleOf(role),
  };
}

/** Grants a role, in place of the one that the grantee has. */
export async function setGrant(experimentId: string, grant: Grant): Promise<void> {
  const role = `${PREFIX}${grant.role.toUpperCase()}` as Schemas["GrantRole"];
  await answered(
    api.POST("/api/1.0/runstream/access/grants", {
      body: { experiment_id: experimentId, grantee: grant.grantee, role },
    }),
  );
}

/** Takes from a user or a group the role that they have. */
export async function deleteGrant(experimentId: string, grantee: string): Promise<void> {
  await answered(
    api.POST("/api/1.0/runstream/access/grants/delete", {
      body: { experiment_id: experimentId, grantee },
    }),
  );
}

/** Returns a role of the contract by its name here. */
export function roleOf(role: string | undefined): Role {
  const name = (role ?? "").replace(PREFIX, "").toLowerCase();
  return ROLES.find((known) => known === name) ?? "reader";
}
