package io.runstream;

import io.grpc.Attributes;
import io.grpc.EquivalentAddressGroup;
import io.grpc.NameResolver;
import io.grpc.NameResolverProvider;
import io.grpc.NameResolverRegistry;
import io.grpc.Status;
import io.grpc.StatusOr;
import io.grpc.SynchronizationContext.ScheduledHandle;
import java.net.SocketAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/**
 * Looks up all servers of a tracking URI, each by gRPC's own resolver of names and on its own
 * route.
 *
 * <p>A name that cannot be looked up is tried again, and the channel has the other servers
 * meanwhile. TLS checks the name of each server. All methods run in the synchronization context of
 * the channel, as gRPC's do.
 */
final class ServersResolver extends NameResolver {
  private static final String SCHEME = "runstream";
  private static final long RETRY_SECONDS = 5;

  private final String authority;
  private final Args args;
  private final List<Lookup> lookups;
  private Listener2 listener;
  private boolean isShutdown;

  private ServersResolver(List<ServerAddress> servers, Args args) {
    this.args = args;
    authority = join(servers);
    lookups = servers.stream().map(Lookup::new).collect(Collectors.toCollection(ArrayList::new));
    // Channels connect in this order, so that many short programs use all servers.
    Collections.shuffle(lookups);
  }

  static {
    NameResolverRegistry.getDefaultRegistry().register(new Provider());
  }

  /** Returns what a channel to these servers is made for. */
  static String target(List<ServerAddress> servers) {
    return uri(SCHEME, join(servers)).toString();
  }

  @Override
  public String getServiceAuthority() {
    return authority;
  }

  @Override
  public void start(Listener2 channel) {
    listener = channel;
    lookups.forEach(Lookup::start);
  }

  @Override
  public void refresh() {
    lookups.forEach(Lookup::refresh);
  }

  @Override
  public void shutdown() {
    isShutdown = true;
    lookups.forEach(Lookup::shutdown);
  }

  private void publish() {
    List<EquivalentAddressGroup> found =
        lookups.stream().flatMap(lookup -> lookup.groups.stream()).collect(Collectors.toList());
    StatusOr<List<EquivalentAddressGroup>> result = StatusOr.fromValue(found);
    if (found.isEmpty()) {
      if (lookups.stream().anyMatch(lookup -> lookup.error.isOk())) {
        return; // one of them is under way
      }
      result = StatusOr.fromStatus(lookups.get(0).error);
    }
    listener.onResult2(ResolutionResult.newBuilder().setAddressesOrError(result).build());
  }

  /** Returns a URI, in which the brackets of IPv6 are escaped. */
  private static URI uri(String scheme, String name) {
    try {
      return new URI(scheme, "", "/" + name, null, null);
    } catch (URISyntaxException error) {
      throw new IllegalArgumentException(error); // not of what a TrackingUri parsed
    }
  }

  private static String join(List<ServerAddress> servers) {
    return servers.stream().map(ServerAddress::toString).collect(Collectors.joining(","));
  }

  /** What is known of one server. */
  private final class Lookup extends Listener2 {
    private final ServerAddress server;
    private final NameResolver names;
    private List<EquivalentAddressGroup> groups = List.of();
    private Status error = Status.OK;
    private ScheduledHandle retry;

    Lookup(ServerAddress server) {
      this.server = server;
      URI name = uri("dns", server.toString());
      Args ownRoute =
          args.toBuilder().setProxyDetector(Route.find(server, System.getenv())).build();
      names = NameResolverRegistry.getDefaultRegistry().asFactory().newNameResolver(name, ownRoute);
    }

    void start() {
      names.start(this);
    }

    void refresh() {
      names.refresh();
    }

    void shutdown() {
      if (retry != null) {
        retry.cancel();
      }
      names.shutdown();
    }

    @Override
    public Status onResult2(ResolutionResult result) {
      if (result.getAddressesOrError().hasValue()) {
        groups = group(result.getAddressesOrError().getValue());
        error = Status.OK;
        publish();
      } else {
        onError(result.getAddressesOrError().getStatus());
      }
      return Status.OK;
    }

    @Override
    public void onResult(ResolutionResult result) {
      onResult2(result);
    }

    @Override
    public void onError(Status cause) {
      error = cause; // what was found before may still be right
      publish();
      if (!isShutdown && (retry == null || !retry.isPending())) {
        retry =
            args.getSynchronizationContext()
                .schedule(
                    this::refresh,
                    RETRY_SECONDS,
                    TimeUnit.SECONDS,
                    args.getScheduledExecutorService());
      }
    }

    /** A name may stand for several servers; localhost is two addresses of one server. */
    private List<EquivalentAddressGroup> group(List<EquivalentAddressGroup> found) {
      List<List<SocketAddress>> addresses =
          found.stream().map(EquivalentAddressGroup::getAddresses).collect(Collectors.toList());
      if (Route.isLoopback(server.host)) {
        addresses = List.of(addresses.stream().flatMap(List::stream).collect(Collectors.toList()));
      }
      Attributes name =
          Attributes.newBuilder()
              .set(EquivalentAddressGroup.ATTR_AUTHORITY_OVERRIDE, server.toString())
              .build();
      return addresses.stream()
          .map(each -> new EquivalentAddressGroup(each, name))
          .collect(Collectors.toList());
    }
  }

  /** Makes the resolvers of channels whose target is that of a tracking URI. */
  private static final class Provider extends NameResolverProvider {
    @Override
    protected boolean isAvailable() {
      return true;
    }

    @Override
    protected int priority() {
      return 5; // as gRPC's own
    }

    @Override
    public String getDefaultScheme() {
      return SCHEME;
    }

    @Override
    public NameResolver newNameResolver(URI target, Args args) {
      if (!SCHEME.equals(target.getScheme())) {
        return null;
      }
      String servers = target.getPath().substring(1);
      return new ServersResolver(new TrackingUri("grpc://" + servers).servers, args);
    }
  }
}
