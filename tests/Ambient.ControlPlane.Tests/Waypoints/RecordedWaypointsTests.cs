using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Waypoints;

namespace Ambient.ControlPlane.Tests.Waypoints;

/// <summary>The recorded resources of a mesh with waypoints, from the same input and what the control plane itself makes of the Gateways.</summary>
public sealed class RecordedWaypointsTests
{
    /// <summary>Labelled with a waypoint that does not exist. Istio lets its traffic through; ours refuses it.</summary>
    private const string Missing = "shop/missing.shop.svc.cluster.local";

    private static readonly MeshSettings Settings = new();

    [Fact]
    public void Same_input_gives_the_recorded_resources()
    {
        var model = Cluster.Model(File.ReadAllText(Manifest.Path("wds", "07-waypoints", "input.yaml")), Settings);
        model.Apply("{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: istio-waypoint}, spec: {controllerName: istio.io/mesh-controller}}");
        foreach (var (key, gateway) in model.Inputs.Gateways.Items.ToList())
        {
            Deploy(model, key, gateway);
        }

        var first = model.Settle();
        foreach (var (key, state) in first.Gateways)
        {
            model.Inputs.Gateways.Set(key, state!.Source with { Status = state.Wanted });
        }

        var then = model.Settle();
        var ours = first.Addresses.Concat(then.Addresses).GroupBy(entry => entry.Key).ToDictionary(group => group.Key, group => RecordedForm.Of(group.Last().Value!));
        var recorded = JsonNode.Parse(File.ReadAllText(Manifest.Path("wds", "07-waypoints", "wds.json")))!["Address"]!.AsArray()
            .ToDictionary(item => (string)item!["name"]!, item => item!.AsObject());

        Assert.Equal("missing.shop.svc.cluster.local", (string?)recorded[Missing]["service"]!["hostname"]);
        Assert.Equal("nosuch.shop.svc.cluster.local", (string?)ours[Missing]["service"]!["waypoint"]!["hostname"]!["hostname"]);
        ours[Missing]["service"]!.AsObject().Remove("waypoint");
        Assert.Equal(recorded.Keys.Order(StringComparer.Ordinal), ours.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, resource) in recorded)
        {
            resource.Remove("name");
            var (expected, actual) = (WithoutAllocated(resource), WithoutAllocated(ours[name]));
            Assert.True(JsonNode.DeepEquals(expected, actual), $"{name}\nrecorded {expected.ToJsonString()}\nours     {actual.ToJsonString()}");
        }
    }

    /// <summary>Puts the service that is deployed for a Gateway over the one of the input, as the API server would merge it.</summary>
    private static void Deploy(MeshModel model, string key, Gateway gateway)
    {
        var made = WaypointObjects.Of(gateway, "", Settings).Single(item => item.Kind() == "Service").As(ResourceJson.Default.Service);
        var there = model.Inputs.Services.Items[key];
        model.Inputs.Services.Set(key, made with
        {
            Spec = made.Spec! with { ClusterIPs = [there.Spec!.ClusterIP!, "fd00:96::1"], IpFamilies = ["IPv4", "IPv6"], InternalTrafficPolicy = "Cluster" },
        });
    }

    /// <summary>IPv6 addresses were chosen by the API server.</summary>
    private static JsonNode WithoutAllocated(JsonNode resource)
    {
        var copy = resource.DeepClone();
        foreach (var address in (copy["service"]?["addresses"] as JsonArray ?? []).OfType<JsonObject>())
        {
            if (((string)address["address"]!).Contains(':', StringComparison.Ordinal))
            {
                address["address"] = "allocated";
            }
        }

        return copy;
    }
}
