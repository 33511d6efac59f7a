# Experiments: those of the server, and the one to which this session logs.

#' Experiments
#'
#' `runstream_set_experiment` chooses the experiment of runs that are started from now on, and creates
#' it if there is none of its name. Without it, runs go to that of `RUNSTREAM_EXPERIMENT_ID`, or else
#' of `RUNSTREAM_EXPERIMENT_NAME`, or else to `Default`, whose id is `0`.
#'
#' @param experiment_id,name an id, or a name; one of them.
#' @param artifact_location where files of its runs go; the server's own place, if `NULL`.
#' @param tags a named list or vector.
#' @return An id (`runstream_set_experiment`, `runstream_create_experiment`), or a list with the fields
#'   `experiment_id`, `name`, `artifact_location`, `lifecycle_stage`, `creation_time`,
#'   `last_update_time` and `tags`, a data frame of `key` and `value`.
#' @examples
#' \dontrun{
#' runstream_set_experiment("first steps")
#' runstream_get_experiment(name = "first steps")$experiment_id
#' }
#' @export
runstream_set_experiment <- function(name = NULL, experiment_id = NULL, artifact_location = NULL) {
  check_one(experiment_id, name)
  if (is.null(experiment_id)) {
    found <- ensure_experiment(check_text(name, "name"), artifact_location)
  } else {
    found <- runstream_get_experiment(experiment_id = experiment_id)$experiment_id
  }
  session$experiment_id <- found
  invisible(found)
}

#' @rdname runstream_set_experiment
#' @export
runstream_create_experiment <- function(name, artifact_location = NULL, tags = NULL) {
  answer <- write_json(
    paste0(MLFLOW, "experiments/create"),
    name = check_text(name, "name"), artifact_location = artifact_location,
    tags = to_pairs(named_texts(tags, "tags"))
  )
  answer$experiment_id
}

#' @rdname runstream_set_experiment
#' @export
runstream_get_experiment <- function(experiment_id = NULL, name = NULL) {
  check_one(experiment_id, name)
  if (is.null(experiment_id)) {
    answer <- get_json(paste0(MLFLOW, "experiments/get-by-name"), list(experiment_name = check_text(name, "name")))
  } else {
    answer <- get_json(paste0(MLFLOW, "experiments/get"), list(experiment_id = id_text(experiment_id)))
  }
  new_experiment(answer$experiment)
}

#' Search experiments
#'
#' @param filter a filter such as `name LIKE 'nightly%'`; all, if `NULL`.
#' @param experiment_view_type `ACTIVE_ONLY`, `DELETED_ONLY` or `ALL`.
#' @param order_by keys such as `name DESC`.
#' @param max_results at most so many; all, if `Inf`.
#' @return A data frame with a row for each experiment.
#' @examples
#' \dontrun{
#' runstream_search_experiments("name LIKE 'nightly%'")
#' }
#' @export
runstream_search_experiments <- function(filter = NULL,
                                         experiment_view_type = c("ACTIVE_ONLY", "DELETED_ONLY", "ALL"),
                                         order_by = character(), max_results = Inf) {
  body <- list(filter = filter, view_type = match.arg(experiment_view_type), order_by = I(order_by))
  found <- all_pages(paste0(MLFLOW, "experiments/search"), body, "experiments", max_results)
  experiment_frame(found)
}

#' Change, delete and restore experiments
#'
#' Deleting an experiment deletes its runs; restoring it brings them back.
#'
#' @param experiment_id its id.
#' @param new_name,key,value texts.
#' @return `NULL`, invisibly.
#' @examples
#' \dontrun{
#' id <- runstream_create_experiment("mistaken")
#' runstream_delete_experiment(id)
#' runstream_restore_experiment(id)
#' runstream_rename_experiment("better", id)
#' }
#' @export
runstream_delete_experiment <- function(experiment_id) {
  write_experiment("delete", experiment_id)
}

#' @rdname runstream_delete_experiment
#' @export
runstream_restore_experiment <- function(experiment_id) {
  write_experiment("restore", experiment_id)
}

#' @rdname runstream_delete_experiment
#' @export
runstream_rename_experiment <- function(new_name, experiment_id) {
  write_experiment("update", experiment_id, new_name = check_text(new_name, "new_name"))
}

#' @rdname runstream_delete_experiment
#' @export
runstream_set_experiment_tag <- function(key, value, experiment_id = NULL) {
  experiment_id <- if (is.null(experiment_id)) current_experiment() else experiment_id
  tag <- named_texts(stats::setNames(list(value), key), "tags")
  write_experiment("set-experiment-tag", experiment_id, key = names(tag), value = tag[[1]])
}

write_experiment <- function(verb, experiment_id, ...) {
  write_json(paste0(MLFLOW, "experiments/", verb), experiment_id = id_text(experiment_id), ...)
  invisible()
}

# Ids of experiments are texts of digits; people also have them as numbers.
id_text <- function(experiment_id) {
  if (is.numeric(experiment_id)) integer_texts(experiment_id, "experiment_id") else check_text(experiment_id, "experiment_id")
}

check_one <- function(experiment_id, name) {
  if (is.null(experiment_id) == is.null(name)) {
    raise_invalid("EXPERIMENT_NOT_ONE", "experiment_id", "", "give either experiment_id or name")
  }
}

# Returns the id of the experiment of a name, which somebody else may create at the same time.
ensure_experiment <- function(name, artifact_location = NULL) {
  find <- function(error) runstream_get_experiment(name = name)$experiment_id
  tryCatch(
    find(),
    runstream_not_found = function(error) {
      tryCatch(runstream_create_experiment(name, artifact_location), runstream_already_exists = find)
    }
  )
}

current_experiment <- function() {
  if (!is.null(session$experiment_id)) {
    return(session$experiment_id)
  }
  id <- Sys.getenv("RUNSTREAM_EXPERIMENT_ID")
  name <- Sys.getenv("RUNSTREAM_EXPERIMENT_NAME")
  if (nzchar(id)) id else if (nzchar(name)) ensure_experiment(name) else "0"
}

new_experiment <- function(fields) {
  list(
    experiment_id = fields$experiment_id, name = fields$name,
    artifact_location = fields$artifact_location, lifecycle_stage = fields$lifecycle_stage,
    creation_time = to_time(fields$creation_time), last_update_time = to_time(fields$last_update_time),
    tags = pair_frame(fields$tags)
  )
}

experiment_frame <- function(found) {
  text <- function(field) vapply(found, function(fields) one_text(fields[[field]]), "")
  time <- function(field) to_times(lapply(found, `[[`, field))
  data.frame(
    experiment_id = text("experiment_id"), name = text("name"),
    artifact_location = text("artifact_location"), lifecycle_stage = text("lifecycle_stage"),
    creation_time = time("creation_time"), last_update_time = time("last_update_time")
  )
}
