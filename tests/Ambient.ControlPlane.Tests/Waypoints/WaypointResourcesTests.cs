using System.Text.Json;
using System.Text.Json.Nodes;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Waypoints;
using Ambient.Mesh.Http;
using Google.Protobuf;

namespace Ambient.ControlPlane.Tests.Waypoints;

/// <summary>Folders of resources, and what each waypoint gets for them. The folders are ours; what is in them is the contract with waypoints.</summary>
public sealed class WaypointResourcesTests
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static TheoryData<string> Folders => [.. Directory.GetDirectories(Manifest.Path("waypoint")).Select(folder => Path.GetFileName(folder)!).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Folders))]
    public void Each_waypoint_gets_what_concerns_it(string folder)
    {
        var model = Cluster.Model(File.ReadAllText(Manifest.Path("waypoint", "cluster.yaml")));
        model.Apply(File.ReadAllText(Manifest.Path("waypoint", folder, "input.yaml")));

        var changes = model.Settle();
        var ours = Written(changes);
        TakenByWaypoints(changes);

        var expected = JsonNode.Parse(File.ReadAllText(Manifest.Path("waypoint", folder, "expected.json")))!;
        Assert.True(JsonNode.DeepEquals(expected, ours), $"{folder}: ours is now\n{ours.ToJsonString(Indented)}");
    }

    /// <summary>A waypoint's own reader takes all of it.</summary>
    private static void TakenByWaypoints(MeshChanges changes)
    {
        Assert.All(changes.WaypointResources.Values, scoped => WaypointDecoder.DecodeWaypoint(scoped!.Name, scoped.Resource.ToByteString()));
        Assert.All(changes.WaypointServices.Values, scoped => WaypointDecoder.DecodeService(scoped!.Name, scoped.Resource.ToByteString()));
        Assert.All(changes.WaypointAuthorizations.Values, scoped => WaypointDecoder.DecodePolicy(scoped!.Name, scoped.Resource.ToByteString()));
    }

    private static JsonObject Written(MeshChanges changes)
    {
        var all = new JsonObject();
        Add(changes.WaypointResources.Values, "waypoint");
        Add(changes.WaypointServices.Values, "services");
        Add(changes.WaypointAuthorizations.Values, "authorizations");
        return all;

        void Add<T>(IEnumerable<Scoped<T>?> resources, string kind)
            where T : class, IMessage
        {
            foreach (var scoped in resources.OfType<Scoped<T>>().OrderBy(scoped => scoped.Key, StringComparer.Ordinal))
            {
                var ofOne = Child(Child(all, scoped.Waypoint), kind);
                ofOne[scoped.Name] = RecordedForm.Of(scoped.Resource);
            }
        }

        static JsonObject Child(JsonObject parent, string name)
        {
            var child = parent[name] as JsonObject ?? [];
            parent[name] ??= child;
            return child;
        }
    }
}
