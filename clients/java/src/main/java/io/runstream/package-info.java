/**
 * The Java client of Runstream, a service that keeps what machine-learning runs log: parameters,
 * metrics, tags, datasets and artifacts.
 *
 * <p>{@link io.runstream.TrackingClient} is where it begins. The messages of the contract are in
 * {@code io.runstream.v1}.
 */
package io.runstream;
