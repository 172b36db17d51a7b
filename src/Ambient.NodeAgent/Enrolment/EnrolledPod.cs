using Ambient.Linux;

namespace Ambient.NodeAgent.Enrolment;

/// <summary>
/// What the agent knows to be true of one pod on this node. One step at a time: whoever changes it holds <see cref="Turn"/>,
/// because the CNI plugin and the watch may both ask for the same pod.
/// </summary>
internal sealed class EnrolledPod(string uid)
{
    public string Uid { get; } = uid;

    /// <summary>Held while the pod's state is changed. Never disposed: somebody may wait for it while the pod leaves.</summary>
    public SemaphoreSlim Turn { get; } = new(1, 1);

    /// <summary>Set once the pod has left; whoever waited for its turn meanwhile begins anew.</summary>
    public bool Left { get; private set; }

    /// <summary>The pod's namespace, held open until the pod has left the mesh for good; null while it is not found.</summary>
    public NetworkNamespace? Namespace { get; set; }

    /// <summary>Whether the rules were applied in <see cref="Namespace"/> and read back.</summary>
    public bool Captured { get; set; }

    /// <summary>The addresses that the node's probes of this pod go to.</summary>
    public IReadOnlyList<string> Addresses { get; set; } = [];

    /// <summary>What was last written on the pod, so that it is written once.</summary>
    public string? Annotated { get; set; }

    /// <summary>The last warning that was written on the pod, so that a cause that stays is told once.</summary>
    public string? Warned { get; set; }

    /// <summary>Takes over another namespace; the rules of a former one went with it or are not ours to touch.</summary>
    public void Enter(NetworkNamespace ns)
    {
        if (Namespace?.Id == ns.Id)
        {
            ns.Dispose();
            return;
        }

        Forget();
        Namespace = ns;
    }

    /// <summary>Lets go of a namespace that is not the pod's any more.</summary>
    public void Forget()
    {
        Namespace?.Dispose();
        Namespace = null;
        Captured = false;
    }

    /// <summary>The pod is out of the mesh and nothing is held for it.</summary>
    public void Leave()
    {
        Left = true;
        Forget();
    }
}
