// Views and reports of experiments.

import { answered, api, type Schemas } from "./client";

/** A view, whose text is the part of an address behind `?`, or a report, whose text is markdown. */
export interface Document {
  id: string;
  experimentId: string;
  /** Empty for a view that only a link leads to. */
  title: string;
  /** Empty in lists. */
  text: string;
  isDefault: boolean;
  /** Milliseconds since the epoch. */
  updated: number;
  updatedBy: string;
  version: number;
}

type Kind = "view" | "report";

/** What is to be other of a document. */
export interface Change {
  title?: string;
  text?: string;
  isDefault?: boolean;
}

/** The code of the error of who changes what somebody else has changed meanwhile. */
export const CHANGED = "DOCUMENT_CHANGED";

const MOST_LISTED = 1_000;

/** Returns the titles of an experiment's views or reports: the default view, then by title. */
export async function listDocuments(
  experimentId: string,
  kind: Kind,
  most = MOST_LISTED,
): Promise<Document[]> {
  const query = { experiment_id: experimentId, kind: kindOf(kind), max_results: most };
  const { documents = [] } = await answered(
    api.GET("/api/1.0/runstream/documents", { params: { query } }),
  );
  return documents.map(documentOf);
}

export async function readDocument(id: string): Promise<Document> {
  const { document } = await answered(
    api.GET("/api/1.0/runstream/documents/{document_id}", {
      params: { path: { document_id: id } },
    }),
  );
  return documentOf(document);
}

/** Creates a document; a view without a title is the one that has the same text, if there is one. */
export async function createDocument(
  experimentId: string,
  kind: Kind,
  title: string,
  text: string,
): Promise<Document> {
  const { document } = await answered(
    api.POST("/api/1.0/runstream/documents", {
      body: { experiment_id: experimentId, kind: kindOf(kind), title, text },
    }),
  );
  return documentOf(document);
}

/** Changes a document, which has to be as it was read; returns it as it is then. */
export async function updateDocument(of: Document, change: Change): Promise<Document> {
  const { isDefault, ...texts } = change;
  const { document } = await answered(
    api.PATCH("/api/1.0/runstream/documents/{document_id}", {
      params: { path: { document_id: of.id } },
      body: {
        version: of.version,
        ...texts,
        ...(isDefault === undefined ? {} : { is_default: isDefault }),
      },
    }),
  );
  return documentOf(document);
}

export async function deleteDocument(id: string): Promise<void> {
  await answered(
    api.DELETE("/api/1.0/runstream/documents/{document_id}", {
      params: { path: { document_id: id } },
    }),
  );
}

function kindOf(kind: Kind): NonNullable<Schemas["DocumentKind"]> {
  return kind === "view" ? "DOCUMENT_KIND_VIEW" : "DOCUMENT_KIND_REPORT";
}

function documentOf(message: Schemas["Document"] = {}): Document {
  return {
    id: message.document_id ?? "",
    experimentId: message.experiment_id ?? "",
    title: message.title ?? "",
    text: message.text ?? "",
    isDefault: message.is_default ?? false,
    updated: Number(message.last_update_time ?? 0),
    updatedBy: message.last_updated_by ?? "",
    version: Number(message.version ?? 0),
  };
}
