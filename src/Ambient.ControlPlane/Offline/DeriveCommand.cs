using System.Text.Json.Nodes;
using Ambient.Api.Discovery;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Policies;
using Ambient.ControlPlane.Waypoints;
using Ambient.Kubernetes;
using Ambient.Xds.Delta;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace Ambient.ControlPlane.Offline;

/// <summary>
/// <c>derive</c>: manifests on standard input, what proxies would get on standard output, as delimited discovery responses, one for each
/// type and receiver: <c>system_version_info</c> names the waypoint that it is for, and is empty for what all get. What had to be
/// assumed, and what is wrong with a resource, goes to standard error, a line each. It asks no cluster.
/// </summary>
internal static class DeriveCommand
{
    public static int Run(TextReader manifests, Stream output, TextWriter notes)
    {
        try
        {
            Derive(manifests, output, notes);
            return 0;
        }
        catch (FormatException e)
        {
            notes.WriteLine(e.Message);
            return 1;
        }
    }

    private static void Derive(TextReader manifests, Stream output, TextWriter notes)
    {
        var settings = new MeshSettings { DryRunPolicies = true };
        var model = new MeshModel(settings);
        var failures = new List<string>();
        model.Failed += (key, error) => failures.Add($"{key}: {error.Message}");
        IReadOnlyList<JsonObject> objects = Manifests.Parse(manifests.ReadToEnd(), "standard input");
        foreach (var note in PlannedCluster.Fill(objects, settings, model.Inputs))
        {
            notes.WriteLine(note);
        }

        var changes = model.Settle();
        foreach (var note in Complaints(changes).Concat(failures))
        {
            notes.WriteLine(note);
        }

        Write(output, ResourceTypes.Address, "", changes.Addresses.Select(change => (change.Key, (IMessage?)change.Value)));
        Write(output, ResourceTypes.Authorization, "", changes.Authorizations.Select(change => (change.Key, (IMessage?)change.Value)));
        Write(output, ResourceTypes.WaypointAuthorization, changes.WaypointAuthorizations.Values);
        Write(output, ResourceTypes.WaypointService, changes.WaypointServices.Values);
        Write(output, ResourceTypes.Waypoint, changes.WaypointResources.Values);
        output.Flush();
    }

    /// <summary>What the status of resources would complain about.</summary>
    private static IEnumerable<string> Complaints(MeshChanges changes)
    {
        foreach (var (key, policy) in changes.Policies)
        {
            if (policy?.Condition is { Reason: not PolicyCondition.Accepted } condition)
            {
                yield return $"AuthorizationPolicy {key}: {condition.Message}";
            }
        }

        foreach (var (key, policy) in changes.Attachments)
        {
            if (policy is { Reason: not PolicyAttachment.Accepted })
            {
                yield return $"AuthorizationPolicy {key}: {policy.Message}";
            }
        }

        foreach (var (key, resource) in changes.VirtualServices.Concat(changes.DestinationRules))
        {
            if (resource is { Reason: not PolicyAttachment.Accepted })
            {
                yield return $"{resource.Source.Kind} {key}: {resource.Message}";
            }
        }

        foreach (var (key, service) in changes.Bindings)
        {
            if (service?.Binding.Condition is { Holds: false } condition)
            {
                yield return $"Service {key}: {condition.Message}";
            }
        }
    }

    private static void Write<T>(Stream output, string type, IEnumerable<Scoped<T>?> resources)
        where T : class, IMessage
    {
        foreach (var receiver in resources.OfType<Scoped<T>>().GroupBy(resource => resource.Waypoint))
        {
            Write(output, type, receiver.Key, receiver.Select(resource => (resource.Name, (IMessage?)resource.Resource)));
        }
    }

    private static void Write(Stream output, string type, string receiver, IEnumerable<(string Name, IMessage? Message)> resources)
    {
        var response = new DeltaDiscoveryResponse { TypeUrl = type, SystemVersionInfo = receiver };
        response.Resources.Add(resources.Where(resource => resource.Message is not null).Select(resource => new Resource
        {
            Name = resource.Name,
            Resource_ = new Any { TypeUrl = type, Value = resource.Message.ToByteString() },
        }));
        response.WriteDelimitedTo(output);
    }
}
