using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Derivation;

namespace Ambient.ControlPlane.Tests.Derivation;

public sealed class WorkloadNamesTests
{
    [Theory]
    [InlineData("ReplicaSet", "web-7d9f8c6b5", "web")]
    [InlineData("StatefulSet", "cart", "cart")]
    [InlineData("Job", "report-28900000", "report")]
    [InlineData("Job", "report-1700000000", "report")]
    [InlineData("Job", "report-17", "report-17")]
    [InlineData("DaemonSet", "agent", "agent")]
    public void A_generated_name_is_traced_to_its_owner(string kind, string owner, string expected) =>
        Assert.Equal(expected, WorkloadNames.WorkloadName(PodOwnedBy(kind, owner, generateName: owner + "-")));

    [Fact]
    public void A_name_that_was_given_stands() =>
        Assert.Equal("web-1", WorkloadNames.WorkloadName(PodOwnedBy("ReplicaSet", "web-7d9f8c6b5", generateName: null)));

    [Fact]
    public void A_label_overrides_all()
    {
        var pod = PodOwnedBy("ReplicaSet", "web-7d9f8c6b5", "web-7d9f8c6b5-");
        pod = pod with { Metadata = pod.Metadata with { Labels = new Dictionary<string, string> { ["service.istio.io/workload-name"] = "front" } } };

        Assert.Equal("front", WorkloadNames.WorkloadName(pod));
    }

    private static Pod PodOwnedBy(string kind, string owner, string? generateName) => new()
    {
        Metadata = new ObjectMeta
        {
            Name = "web-1",
            Namespace = "shop",
            GenerateName = generateName,
            Labels = new Dictionary<string, string> { ["pod-template-hash"] = "7d9f8c6b5" },
            OwnerReferences = [new OwnerReference { Kind = kind, Name = owner, Controller = true }],
        },
    };
}
