using System.Collections.Immutable;
using System.Globalization;
using Ambient.Mesh.Config;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Way = Ambient.Api.Waypoints;

namespace Ambient.Mesh.Http;

/// <summary>
/// Reads a waypoint's resources (types <c>ambient.waypoint.v1.*</c>) into the model, expressions compiled. What cannot be understood is refused with a reason
/// for the control plane; nothing is guessed, because a dropped condition can widen what a rule lets through.
/// </summary>
public static class WaypointDecoder
{
    /// <summary>Reads the waypoint's own resource.</summary>
    /// <exception cref="MeshConfigException">It is not a Waypoint, or a field cannot be taken.</exception>
    public static WaypointConfig DecodeWaypoint(string key, ByteString bytes)
    {
        var from = Parse(Way.Waypoint.Parser, bytes, "Waypoint");
        return new WaypointConfig(key, [.. from.Policies]);
    }

    /// <summary>Reads a service.</summary>
    /// <param name="key">The resource's name, which has to be its <c>namespace/hostname</c>.</param>
    /// <param name="bytes">The resource.</param>
    /// <exception cref="MeshConfigException">It is not a Service, or a field cannot be taken.</exception>
    public static HttpService DecodeService(string key, ByteString bytes)
    {
        var from = Parse(Way.Service.Parser, bytes, "Service");
        var own = Model.Service.KeyOf(from.Namespace, from.Hostname);
        if (own != key)
        {
            throw new MeshConfigException($"the resource {key} holds the service {own}");
        }

        return new HttpService
        {
            Key = key,
            Bound = from.Bound,
            Policies = [.. from.Policies],
            Routes = [.. from.Routes.Select((route, index) => At(string.Create(CultureInfo.InvariantCulture, $"routes[{index}]"), () => RouteDecoder.Route(route)))],
            Traffic = At("traffic", () => TrafficDecoder.Table(from.Traffic, null)),
            Subsets = [.. from.Subsets.Select(subset => At($"subset {subset.Name}", () => new ServiceSubset
            {
                Name = subset.Name,
                Workloads = [.. subset.Workloads],
                Traffic = TrafficDecoder.Table(from.Traffic, subset.Traffic),
            }))],
        };
    }

    /// <summary>Reads a policy.</summary>
    /// <exception cref="MeshConfigException">It is not an Authorization, or a field cannot be taken.</exception>
    public static HttpPolicy DecodePolicy(string key, ByteString bytes) =>
        HttpPolicyDecoder.Decode(key, Parse(Way.Authorization.Parser, bytes, "Authorization"));

    /// <summary>Runs a part of the reading; what it cannot take is named with its place.</summary>
    internal static T At<T>(string place, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is MeshConfigException or FormatException)
        {
            throw new MeshConfigException($"{place}: {e.Message}", e);
        }
    }

    /// <summary>A duration; null where it is absent or zero.</summary>
    internal static TimeSpan? Time(Duration? from, string field)
    {
        if (from is null or { Seconds: 0, Nanos: 0 })
        {
            return null;
        }

        // Protobuf's durations reach ten thousand years, the framework's too; timers take fifty days.
        return from.Seconds is >= 0 and <= 31_536_000 && from.Nanos is >= 0 and < 1_000_000_000
            ? from.ToTimeSpan()
            : throw new MeshConfigException($"{field} is {from.Seconds} s and {from.Nanos} ns; up to a year is taken");
    }

    private static T Parse<T>(MessageParser<T> parser, ByteString bytes, string type)
        where T : IMessage<T>
    {
        try
        {
            return parser.ParseFrom(bytes);
        }
        catch (Exception e) when (WdsDecoder.IsMalformed(e))
        {
            throw new MeshConfigException($"not an ambient.waypoint.v1.{type}: {e.Message}", e);
        }
    }
}
