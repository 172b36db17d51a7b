using Ambient.Linux;

namespace Ambient.NodeAgent.Enrolment;

/// <summary>
/// What the agent knows to be true of one pod on this node. One step at a time: whoever changes it holds <see cref="Turn"/>,
/// because the CNI plugin and the watch may both ask for the same pod.
/// </summary>
internal sealed class EnrolledPod(string uid) : IDisposable
{
    public string Uid { get; } = uid;

    /// <summary>Held while the pod's state is changed.</summary>
    public SemaphoreSlim Turn { get; } = new(1, 1);

    /// <summary>The pod's namespace, held open until the pod has left the mesh for good; null while it is not found.</summary>
    public NetworkNamespace? Namespace { get; set; }

    /// <summary>Whether the rules were applied in <see cref="Namespace"/> and read back.</summary>
    public bool Captured { get; set; }

    /// <summary>The addresses that the node's probes of this pod go to.</summary>
    public IReadOnlyList<string> Addresses { get; set; } = [];

    /// <summary>What was last written on the pod, so that it is written once.</summary>
    public string? Annotated { get; set; }

    /// <summary>Takes over another namespace; the rules of a former one went with it or are not ours to touch.</summary>
    public void Enter(NetworkNamespace ns)
    {
        if (Namespace?.Id == ns.Id)
        {
            ns.Dispose();
            return;
        }

        Namespace?.Dispose();
        Namespace = ns;
        Captured = false;
    }

    public void Dispose()
    {
        Namespace?.Dispose();
        Turn.Dispose();
    }
}
