# Files of runs.

# Seconds without a byte after which a transfer is over.
SILENT_SECONDS <- 60

#' Log files
#'
#' A file is stored under its name, what is in a folder under its paths in it. A transfer goes on as
#' long as bytes come, and is repeated while the server cannot be reached.
#'
#' @param path,local_dir a file, or a folder.
#' @param artifact_path the folder of the run into which they go; its root, if `NULL`.
#' @param run_id a run, or its id; the active run, which is started if there is none, if `NULL`.
#' @return The paths under which they are stored, invisibly.
#' @examples
#' \dontrun{
#' saveRDS(model, "model.rds")
#' runstream_log_artifact("model.rds", "models")
#' }
#' @export
runstream_log_artifact <- function(path, artifact_path = NULL, run_id = NULL) {
  path <- check_text(path, "path")
  if (dir.exists(path)) {
    return(runstream_log_artifacts(path, artifact_path, run_id))
  }
  if (!file.exists(path)) {
    raise_invalid("FILE_MISSING", "path", path, "there is no file %s", path)
  }
  stored <- join_path(artifact_path, basename(path))
  upload_file(path, stored, proxy_root(run_or_active(run_id)))
  invisible(stored)
}

#' @rdname runstream_log_artifact
#' @export
runstream_log_artifacts <- function(local_dir, artifact_path = NULL, run_id = NULL) {
  local_dir <- check_text(local_dir, "local_dir")
  if (!dir.exists(local_dir)) {
    raise_invalid("FOLDER_MISSING", "local_dir", local_dir, "there is no folder %s", local_dir)
  }
  run_id <- run_or_active(run_id)
  root <- proxy_root(run_id)
  files <- list.files(local_dir, recursive = TRUE, all.files = TRUE)
  stored <- vapply(files, function(file) join_path(artifact_path, file), "")
  for (i in seq_along(files)) {
    tryCatch(
      upload_file(file.path(local_dir, files[[i]]), stored[[i]], root),
      runstream_error = function(error) {
        missing <- files[i:length(files)]
        stop(add_to_error(error, sprintf("%d files of run %s are not stored: %s", length(missing), run_id, some(missing))))
      }
    )
  }
  invisible(unname(stored))
}

#' Log a table
#'
#' Stores a data frame as JSON in the form of MLflow's tables, which the web interface shows. Numbers
#' keep every digit; `NA` is null, `NaN` and the infinities are texts.
#'
#' @param data a data frame.
#' @param artifact_file the path of the file in the run, which ends in `.json`.
#' @inheritParams runstream_log_artifact
#' @return The path, invisibly.
#' @examples
#' \dontrun{
#' runstream_log_table(head(cars), "tables/cars.json")
#' }
#' @export
runstream_log_table <- function(data, artifact_file, run_id = NULL) {
  artifact_file <- check_text(artifact_file, "artifact_file")
  if (!is.data.frame(data) || !endsWith(artifact_file, ".json")) {
    raise_invalid("TABLE_MALFORMED", "data", "", "a table is a data frame, and its file ends in .json")
  }
  cells <- lapply(data, table_cells)
  rows <- lapply(seq_len(nrow(data)), function(i) unname(lapply(cells, `[[`, i)))
  text <- jsonlite::toJSON(
    list(columns = I(names(data)), data = rows), auto_unbox = TRUE, digits = I(17), null = "null"
  )
  file <- tempfile(fileext = ".json")
  on.exit(unlink(file))
  writeBin(charToRaw(enc2utf8(text)), file)
  upload_file(file, artifact_file, proxy_root(run_or_active(run_id)))
  invisible(artifact_file)
}

# Returns what JSON has of the cells of a column, one by one.
table_cells <- function(column) {
  numbers <- is.numeric(column) && !is.object(column)
  if (!numbers && !is.logical(column) && !is.list(column)) {
    column <- enc2utf8(as.character(column))
  }
  lapply(column, function(cell) {
    if (!is.atomic(cell) || length(cell) != 1) {
      cell
    } else if (is.nan(cell) || (is.numeric(cell) && is.infinite(cell))) {
      to_text(cell)
    } else if (is.na(cell)) {
      NULL
    } else {
      cell
    }
  })
}

#' List files
#'
#' @param path a folder of the run; all, if `NULL`.
#' @param recursive whether files at any depth are listed, in place of files and folders.
#' @inheritParams runstream_get_run
#' @return A data frame with `path`, `is_dir` and `file_size` in bytes.
#' @examples
#' \dontrun{
#' runstream_list_artifacts("models")
#' }
#' @export
runstream_list_artifacts <- function(path = NULL, run_id = NULL, recursive = FALSE) {
  query <- list(run_id = existing_run(run_id), path = path, recursive = if (recursive) "true", max_results = "10000")
  files <- list()
  repeat {
    answer <- get_json(paste0(MLFLOW, "artifacts/list"), query)
    files <- c(files, answer$files)
    query$page_token <- answer$next_page_token
    if (is.null(query$page_token) || !nzchar(query$page_token)) break
  }
  data.frame(
    path = vapply(files, `[[`, "", "path"),
    is_dir = vapply(files, function(file) isTRUE(file$is_dir), NA),
    file_size = vapply(files, function(file) if (is.null(file$file_size)) NA_real_ else as.double(file$file_size), 0)
  )
}

#' Download files
#'
#' @param path a file or a folder of the run; all, if `NULL`.
#' @param dst_path the folder into which they go; a new temporary one, if `NULL`. Each file is there as
#'   a whole or not at all.
#' @inheritParams runstream_get_run
#' @return The path of the file or folder on this machine.
#' @examples
#' \dontrun{
#' model <- readRDS(runstream_download_artifacts("models/model.rds"))
#' }
#' @export
runstream_download_artifacts <- function(path = NULL, run_id = NULL, dst_path = NULL) {
  run_id <- existing_run(run_id)
  files <- runstream_list_artifacts(path, run_id, recursive = TRUE)$path
  if (!length(files) && !is.null(path)) {
    stop(new_error(
      "NOT_FOUND", sprintf("run %s has no artifact '%s'", run_id, path), "ARTIFACT_NOT_FOUND",
      list(run_id = run_id, path = path)
    ))
  }
  folder <- if (is.null(dst_path)) tempfile("artifacts") else check_text(dst_path, "dst_path")
  for (file in files) {
    download_file(run_id, file, check_below(folder, file))
  }
  dir.create(folder, recursive = TRUE, showWarnings = FALSE)
  if (is.null(path)) folder else file.path(folder, path)
}

#' Delete files
#'
#' @param path a file or a folder of the run.
#' @inheritParams runstream_get_run
#' @return `NULL`, invisibly.
#' @examples
#' \dontrun{
#' runstream_delete_artifacts("models/old.rds")
#' }
#' @export
runstream_delete_artifacts <- function(path, run_id = NULL) {
  write_json(paste0(RUNSTREAM, "artifacts/delete"), run_id = existing_run(run_id), path = check_text(path, "path"))
  invisible()
}

join_path <- function(folder, name) {
  if (is.null(folder)) name else paste0(sub("/+$", "", check_text(folder, "artifact_path")), "/", name)
}

# Returns the path of the artifact proxy that stands for the folder of all files of a run.
proxy_root <- function(run_id) {
  root <- get_json(paste0(MLFLOW, "artifacts/list"), list(run_id = run_id, max_results = "1"))$root_uri
  if (!startsWith(root, "mlflow-artifacts:/")) {
    stop(new_error(
      "FAILED_PRECONDITION", sprintf("files of run %s are at %s, where this server takes none", run_id, root),
      "ARTIFACTS_ELSEWHERE", list(run_id = run_id, artifact_uri = root)
    ))
  }
  sub("^mlflow-artifacts:/+", "", root)
}

upload_file <- function(file, path, root) {
  parts <- strsplit(enc2utf8(paste0(root, "/", path)), "/", fixed = TRUE)[[1]]
  place <- paste(vapply(parts, utils::URLencode, "", reserved = TRUE), collapse = "/")
  request <- new_request(paste0("/api/2.0/mlflow-artifacts/artifacts/", place))
  request <- httr2::req_method(request, "PUT")
  if (file.size(file) > 0) {
    request <- httr2::req_body_file(request, file, type = "application/octet-stream")
  } else {
    request <- httr2::req_body_raw(request, raw(), type = "application/octet-stream")
  }
  perform(request, transfer = TRUE)
  invisible()
}

download_file <- function(run_id, path, target) {
  dir.create(dirname(target), recursive = TRUE, showWarnings = FALSE)
  partial <- tempfile(".runstream-", dirname(target))
  on.exit(unlink(partial))
  request <- add_query(new_request(paste0(RUNSTREAM, "artifacts/file")), list(run_id = run_id, path = path))
  perform(request, file = partial, transfer = TRUE)
  if (!file.rename(partial, target)) {
    raise_invalid("FILE_NOT_WRITABLE", "dst_path", target, "%s cannot be written", target)
  }
}

# Returns where a file of a run goes; no name of a server leads out of the folder.
check_below <- function(folder, path) {
  if (grepl("(^|[/\\\\])\\.\\.([/\\\\]|$)|^/|^[A-Za-z]:", path)) {
    raise_invalid("PATH_UNSAFE", "path", path, "the path '%s' of a file leads out of its folder", path)
  }
  file.path(folder, path)
}
