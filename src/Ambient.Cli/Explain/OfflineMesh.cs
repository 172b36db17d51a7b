using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using Ambient.Api.Discovery;
using Ambient.Http.Paths;
using Ambient.Mesh.Config;
using Ambient.Mesh.Explanation;
using Ambient.Mesh.Http;
using Ambient.Mesh.Model;
using Ambient.Mesh.State;
using Ambient.Sandbox.Images;

namespace Ambient.Cli.Explain;

/// <summary>
/// The mesh that manifests describe: the control plane's program derives what it would send to proxies if they were applied, and
/// the proxies' own decisions are asked about that.
/// </summary>
internal sealed class OfflineMesh : IExplainedMesh
{
    private const string AddressType = "type.googleapis.com/istio.workload.Address";
    private const string PolicyType = "type.googleapis.com/istio.security.Authorization";
    private const string WaypointType = "type.googleapis.com/ambient.waypoint.v1.Waypoint";
    private const string WaypointServiceType = "type.googleapis.com/ambient.waypoint.v1.Service";
    private const string WaypointPolicyType = "type.googleapis.com/ambient.waypoint.v1.Authorization";

    private readonly MeshStore _mesh = new();

    /// <summary>What each waypoint gets beyond the mesh, by the key of its Gateway.</summary>
    private readonly Dictionary<string, WaypointStore> _waypoints = new(StringComparer.Ordinal);
    private readonly string _namespace;

    private OfflineMesh(string ns) => _namespace = ns;

    /// <summary>Derives the mesh.</summary>
    /// <param name="manifests">The manifests.</param>
    /// <param name="ns">The namespace of places that name none.</param>
    /// <param name="notes">Is told what had to be assumed, and what is wrong with the manifests.</param>
    /// <param name="ct">Ends the wait.</param>
    public static async Task<OfflineMesh> DeriveAsync(IReadOnlyList<JsonObject> manifests, string ns, TextWriter notes, CancellationToken ct)
    {
        if (!File.Exists(Programs.ControlPlane))
        {
            throw new CliException($"The control plane's program is not at {Programs.ControlPlane}. Build it: dotnet build Ambient.sln");
        }

        using var process = Process.Start(new ProcessStartInfo(Programs.ControlPlane, ["derive"])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        try
        {
            var output = CopyAsync(process.StandardOutput.BaseStream, ct);
            var errors = process.StandardError.ReadToEndAsync(ct);
            var list = new JsonObject { ["kind"] = "List", ["items"] = new JsonArray([.. manifests.Select(manifest => manifest.DeepClone())]) };
            await process.StandardInput.WriteAsync(list.ToJsonString().AsMemory(), ct);
            process.StandardInput.Close();
            await process.WaitForExitAsync(ct);
            var said = await errors;
            if (process.ExitCode != 0)
            {
                throw new CliException(said.Trim());
            }

            foreach (var line in said.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                await notes.WriteLineAsync("note: " + line);
            }

            var mesh = new OfflineMesh(ns);
            mesh.Take(await output);
            return mesh;
        }
        catch
        {
            process.Kill();
            throw;
        }
    }

    public Task<Place> FindAsync(string text, CancellationToken ct) => Task.FromResult(PlaceOf(Find(text)));

    public Task<IPEndPoint> ResolveAsync(DestinationName destination, Place client, CancellationToken ct)
    {
        if (IPAddress.TryParse(destination.Host, out var address))
        {
            return Task.FromResult(new IPEndPoint(address, destination.Port));
        }

        if (destination.Host.Contains('/'))
        {
            return Task.FromResult(new IPEndPoint(PlaceOf(Find(destination.Host)).Address, destination.Port));
        }

        var service = destination.Hostnames(client.Namespace).Select(name => _mesh.Current.FindServiceByHostname(name, client.Namespace)).FirstOrDefault(found => found is not null)
            ?? throw new CliException($"{destination.Text}: {client.Namespace}/{client.Name} knows no service {destination.Host}. There are: {List(_mesh.Current.Services.Values.Select(known => $"{known.Name}.{known.Namespace}"))}.");
        return service.Vips.IsEmpty
            ? throw new CliException($"{destination.Text}: service {service.Key} has no address of its own. Name one of its pods: NAMESPACE/POD:PORT.")
            : Task.FromResult(new IPEndPoint(service.Vips[0].Address, destination.Port));
    }

    public Task<HopAnswer> AskAsync(HopQuestion question, string node, CancellationToken ct)
    {
        // The same question gets the same answer: who compares two sets of manifests must not see chance.
        var random = new Random(0);
        if (question.Hop != Hop.Request)
        {
            return Task.FromResult(NodeHops.Explain(_mesh.Current, question, random));
        }

        var pod = _mesh.Current.Workloads[question.Server!];
        var gateway = $"{pod.Namespace}/{pod.CanonicalName}"; // the name of a waypoint's pods, by their label
        var waypoint = _waypoints.TryGetValue(gateway, out var store) ? store.Current : WaypointSnapshot.Empty;
        return Task.FromResult(new WaypointHop(_mesh.Current, waypoint, PathText.Normalize).Explain(question, random));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static async Task<MemoryStream> CopyAsync(Stream from, CancellationToken ct)
    {
        var kept = new MemoryStream();
        await from.CopyToAsync(kept, ct);
        kept.Position = 0;
        return kept;
    }

    private void Take(MemoryStream responses)
    {
        var (decoder, update) = (new WdsDecoder(), new MeshUpdate());
        var waypoints = new Dictionary<string, WaypointUpdate>(StringComparer.Ordinal);
        while (responses.Position < responses.Length)
        {
            var response = DeltaDiscoveryResponse.Parser.ParseDelimitedFrom(responses);
            if (!waypoints.TryGetValue(response.SystemVersionInfo, out var waypoint))
            {
                waypoints[response.SystemVersionInfo] = waypoint = new WaypointUpdate();
            }

            foreach (var resource in response.Resources)
            {
                var content = resource.Resource_.Value;
                switch (response.TypeUrl)
                {
                    case WaypointType: waypoint.Waypoint = WaypointDecoder.DecodeWaypoint(resource.Name, content); break;
                    case WaypointServiceType: waypoint.Services.Add(WaypointDecoder.DecodeService(resource.Name, content)); break;
                    case WaypointPolicyType: waypoint.Policies.Add(WaypointDecoder.DecodePolicy(resource.Name, content)); break;
                    case PolicyType: update.Policies.Add(PolicyDecoder.Decode(resource.Name, content)); break;
                    case AddressType:
                        var (workload, service) = decoder.DecodeAddress(content, resource.Name);
                        if (workload is not null)
                        {
                            update.Workloads.Add(workload);
                        }
                        else
                        {
                            update.Services.Add(service!);
                        }

                        break;
                }
            }
        }

        _mesh.Apply(update);
        foreach (var (gateway, change) in waypoints.Where(entry => entry.Key.Length > 0))
        {
            (_waypoints[gateway] = new WaypointStore()).Apply(change);
        }
    }

    private Workload Find(string text)
    {
        var workloads = _mesh.Current.Workloads.Values;
        if (IPAddress.TryParse(text, out var address))
        {
            return workloads.FirstOrDefault(workload => workload.Addresses.Contains(address)) ?? throw new CliException($"{text}: no pod of the manifests has this address.");
        }

        var name = PlaceName.Parse(text, _namespace);
        return workloads
            .Select(workload => (Workload: workload, Rank: name.Rank(workload.Namespace, workload.Name, workload.WorkloadName, workload.ServiceAccount)))
            .Where(candidate => candidate.Rank is not null)
            .OrderBy(candidate => candidate.Rank).ThenBy(candidate => candidate.Workload.Uid, StringComparer.Ordinal)
            .Select(candidate => candidate.Workload).FirstOrDefault()
            ?? throw new CliException($"{text}: the manifests have no pod, deployment or service account {name}. They have: {List(workloads.Select(workload => $"{workload.Namespace}/{workload.WorkloadName}"))}.");
    }

    private static Place PlaceOf(Workload workload) => new(
        workload.Namespace,
        workload.Name,
        workload.Node,
        workload.Addresses.FirstOrDefault() ?? throw new CliException($"{workload.Uid} has no address."));

    private static string List(IEnumerable<string> names)
    {
        const int Most = 10;
        var all = names.Distinct().Order(StringComparer.Ordinal).ToArray();
        return all.Length == 0 ? "none" : string.Join(", ", all.Take(Most)) + (all.Length > Most ? $" and {all.Length - Most} more" : "");
    }
}
