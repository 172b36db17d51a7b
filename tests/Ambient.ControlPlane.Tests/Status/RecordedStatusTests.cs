using System.Text.Json;
using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Entries;
using Ambient.ControlPlane.Status;

namespace Ambient.ControlPlane.Tests.Status;

/// <summary>The recorded statuses of gateways, routes, policies and services, from the same input. Times and wording are not compared.</summary>
public sealed class RecordedStatusTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 10, 0, 0, TimeSpan.Zero);

    /// <summary>Recorded, and not the control plane's: the API server's refusal, and a kind whose status nobody writes.</summary>
    private static readonly string[] NotOurs = ["HTTPRoute/shop/no-port", "PeerAuthentication/shop/default"];

    private readonly Dictionary<string, JsonObject> _statuses = new(StringComparer.Ordinal);

    [Fact]
    public void Same_input_gives_the_recorded_statuses()
    {
        var model = new MeshModel(new MeshSettings());
        model.Apply("{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: istio}, spec: {controllerName: istio.io/gateway-controller}}");
        model.Apply("{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: istio-waypoint}, spec: {controllerName: istio.io/mesh-controller}}");
        foreach (var resource in Manifest.Read(File.ReadAllText(Manifest.Path("status", "input.yaml"))).Where(IsFollowed))
        {
            resource["metadata"]!["generation"] = 1;
            foreach (var parent in (resource["spec"]?["parentRefs"] as JsonArray ?? []).OfType<JsonObject>())
            {
                // As the API server fills in.
                parent["group"] ??= "gateway.networking.k8s.io";
                parent["kind"] ??= "Gateway";
            }

            model.Apply(resource);
        }

        model.ImplySlices();

        // A waypoint's address comes out first, and makes it one.
        foreach (var round in Enumerable.Range(0, 2))
        {
            Write(model.Settle(), model);
        }

        var recorded = JsonNode.Parse(File.ReadAllText(Manifest.Path("status", "status.json")))!.AsObject();
        foreach (var (name, status) in recorded.Where(entry => !NotOurs.Contains(entry.Key)))
        {
            var expected = Comparable(status!.AsObject(), name);
            var actual = Comparable(_statuses.GetValueOrDefault(name) ?? Untouched(name), name);
            Assert.True(JsonNode.DeepEquals(expected, actual), $"{name}\nrecorded {expected.ToJsonString()}\nours     {actual.ToJsonString()}");
        }
    }

    private static bool IsFollowed(JsonObject resource) =>
        (string?)resource["metadata"]!["name"] != "no-port";

    private void Write(MeshChanges changes, MeshModel model)
    {
        foreach (var (key, state) in changes.Gateways)
        {
            Put("Gateway", key, state is null ? null : GatewayStatusJson.Due(state, Now));
            if (state is not null)
            {
                model.Inputs.Gateways.Set(key, state.Source with { Status = state.Wanted });
            }
        }

        foreach (var (key, state) in changes.HttpRoutes)
        {
            Put("HTTPRoute", key, GatewayStatusJson.Due(state!, Now));
        }

        foreach (var (key, state) in changes.GrpcRoutes)
        {
            Put("GRPCRoute", key, GatewayStatusJson.Due(state!, Now));
        }

        foreach (var (key, state) in changes.Bindings)
        {
            Put("Service", key, Conditions.Due(state!, Now));
        }

        foreach (var (key, state) in changes.EntryBindings)
        {
            Put("ServiceEntry", key, Conditions.Due(state!, Now));
            var allocated = EntryAddresses.Due([state!.Latest])[key];
            _statuses[$"ServiceEntry/{key}"]["addresses"] = JsonSerializer.SerializeToNode(new ServiceEntryStatus { Addresses = allocated }, ResourceJson.Default.ServiceEntryStatus)!["addresses"]!.DeepClone();
        }

        foreach (var (key, state) in changes.Policies)
        {
            Put("AuthorizationPolicy", key, Conditions.Due(state!, Now));
        }

        foreach (var (key, state) in changes.Attachments)
        {
            Put("AuthorizationPolicy", key, Conditions.Due(state!, Now));
        }
    }

    private void Put(string kind, string key, StatusPatch? patch)
    {
        if (patch is not null)
        {
            _statuses[$"{kind}/{key}"] = patch.Status;
        }
    }

    /// <summary>What the API server fills in where nobody writes.</summary>
    private static JsonObject Untouched(string name) => name.StartsWith("Gateway/", StringComparison.Ordinal)
        ? JsonNode.Parse("""{"conditions":[{"type":"Accepted","status":"Unknown","reason":"Pending"},{"type":"Programmed","status":"Unknown","reason":"Pending"}]}""")!.AsObject()
        : [];

    /// <summary>Without times, wording, addresses that the API server chose, and what is not ours in a service's status.</summary>
    private static JsonNode Comparable(JsonObject status, string name)
    {
        var copy = status.DeepClone().AsObject();
        copy.Remove("loadBalancer");
        Strip(copy);
        if (name == "Gateway/shop/waypoint")
        {
            var addresses = copy["addresses"]!.AsArray();
            foreach (var allocated in addresses.Where(address => ((string)address!["value"]!).Contains(':', StringComparison.Ordinal)).ToList())
            {
                addresses.Remove(allocated);
            }
        }

        return copy;
    }

    private static void Strip(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject map:
                map.Remove("message");
                map.Remove("lastTransitionTime");
                foreach (var (_, value) in map)
                {
                    Strip(value);
                }

                break;
            case JsonArray list:
                foreach (var item in list)
                {
                    Strip(item);
                }

                break;
        }
    }
}
