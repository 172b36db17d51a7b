using Ambient.Api.Enrolment;
using Ambient.Linux;

namespace Ambient.NodeAgent.Zds;

/// <summary>An enrolled pod as ztunnel learns of it; without a namespace it can only be told to keep what it has.</summary>
internal sealed record ZdsPod(string Uid, string Name, string PodNamespace, string ServiceAccount, NetworkNamespace? Namespace)
{
    public WorkloadRequest ToAdd() => new()
    {
        Add = new AddWorkload
        {
            Uid = Uid,
            WorkloadInfo = new WorkloadInfo { Name = Name, Namespace = PodNamespace, ServiceAccount = ServiceAccount },
        },
    };

    public WorkloadRequest ToKeep() => new() { Keep = new KeepWorkload { Uid = Uid } };
}

/// <summary>ztunnel cannot be told, or refused; the message says which and why.</summary>
internal sealed class ZdsException(string message) : Exception(message);
