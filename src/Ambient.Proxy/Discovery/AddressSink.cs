using Ambient.Mesh.Config;
using Ambient.Mesh.State;
using Ambient.Xds.Delta;

namespace Ambient.Proxy.Discovery;

/// <summary>
/// Workloads and services from the control plane into the mesh: all good resources of a response take effect together; bad ones are
/// answered with the field that is wrong, and what they were before stays.
/// </summary>
public sealed class AddressSink(MeshStore mesh) : IResourceSink
{
    /// <summary>The type's URL in discovery.</summary>
    public const string TypeUrl = "type.googleapis.com/istio.workload.Address";

    private readonly WdsDecoder _decoder = new();

    /// <inheritdoc/>
    public IReadOnlyList<ResourceRejection> Apply(IReadOnlyList<ReceivedResource> updates, IReadOnlyList<string> removals)
    {
        var rejections = new List<ResourceRejection>();
        var update = new MeshUpdate();
        update.RemovedAddresses.AddRange(removals);
        foreach (var resource in updates)
        {
            try
            {
                var (workload, service) = _decoder.DecodeAddress(resource.Value, resource.Name);
                if (workload is not null)
                {
                    update.Workloads.Add(workload);
                }

                if (service is not null)
                {
                    update.Services.Add(service);
                }
            }
            catch (MeshConfigException wrong)
            {
                rejections.Add(new ResourceRejection(resource.Name, wrong.Message));
            }
        }

        if (!update.IsEmpty)
        {
            mesh.Apply(update);
        }

        return rejections;
    }
}

/// <summary>Policies from the control plane into the mesh, in the same way.</summary>
public sealed class PolicySink(MeshStore mesh) : IResourceSink
{
    /// <summary>The type's URL in discovery.</summary>
    public const string TypeUrl = "type.googleapis.com/istio.security.Authorization";

    /// <inheritdoc/>
    public IReadOnlyList<ResourceRejection> Apply(IReadOnlyList<ReceivedResource> updates, IReadOnlyList<string> removals)
    {
        var rejections = new List<ResourceRejection>();
        var update = new MeshUpdate();
        update.RemovedPolicies.AddRange(removals);
        foreach (var resource in updates)
        {
            try
            {
                update.Policies.Add(PolicyDecoder.Decode(resource.Name, resource.Value));
            }
            catch (MeshConfigException wrong)
            {
                rejections.Add(new ResourceRejection(resource.Name, wrong.Message));
            }
        }

        if (!update.IsEmpty)
        {
            mesh.Apply(update);
        }

        return rejections;
    }
}
