using Ambient.Mesh.Config;

namespace Ambient.Mesh.Tests.Config;

/// <summary>What a local configuration is refused for: each error names the line and the remedy.</summary>
public sealed class LocalConfigTests
{
    [Theory]
    [InlineData("a: [", "not YAML")]
    [InlineData("- x", "line 1: the configuration has to be a mapping")]
    [InlineData("workload: []", "unknown key 'workload'; known are policies, services, workloads")]
    [InlineData("workloads: {}", "line 1: workloads has to be a list")]
    [InlineData("workloads:\n- {name: n, namespace: a}", "line 2: a workload lacks uid")]
    [InlineData("workloads:\n- {uid: u, name: n, namespace: a, protocol: QUIC}", "protocol is 'QUIC'; it has to be one of TCP, HBONE")]
    [InlineData("workloads:\n- {uid: u, name: n, namespace: a, workloadIps: [10.0.0]}", "workloadIps")]
    [InlineData("workloads:\n- {uid: u, name: n, namespace: a, colour: red}", "a workload has the unknown key 'colour'")]
    [InlineData("workloads:\n- {uid: u, name: n, namespace: a, services: {web: {80: 80}}}", "services holds the key 'web'")]
    [InlineData("services:\n- {name: s, namespace: a, hostname: h, vips: [10.0.0.1]}", "vips has to be network/address, not '10.0.0.1'")]
    [InlineData("services:\n- {name: s, namespace: a, hostname: h, ports: {80: 70000}}", "ports has to be a number between 0 and 65535")]
    [InlineData("services:\n- {name: s, namespace: a, hostname: h, waypoint: {destination: x, hboneMtlsPort: 1}}", "destination has to be network/address or namespace/hostname")]
    [InlineData("policies:\n- {name: p, namespace: a, action: Allow}", "a policy lacks scope")]
    [InlineData("policies:\n- {name: p, namespace: a, action: Permit, scope: Global}", "action is 'Permit'; it has to be one of Allow, Deny")]
    [InlineData("policies:\n- {name: p, namespace: a, action: Deny, scope: Global, rules: [[[{sourceIps: [10.0.0.0/33]}]]]}", "sourceIps has to be an address range")]
    [InlineData("policies:\n- {name: p, namespace: a, action: Deny, scope: Global, rules: [[[{principals: [{Exact: a, Prefix: b}]}]]]}", "exactly one of Exact, Prefix, Suffix, Presence")]
    public void A_wrong_configuration_is_refused_with_place_and_remedy(string yaml, string words) =>
        Assert.Contains(words, Assert.Throws<MeshConfigException>(() => LocalConfig.Parse(yaml)).Message, StringComparison.Ordinal);

    [Fact]
    public void An_empty_configuration_is_an_empty_mesh() => Assert.True(LocalConfig.Parse("").IsEmpty);
}
