using System.Text.Json.Nodes;
using Ambient.Api;
using Ambient.Identity.Certificates;
using Ambient.Mesh.Config;
using Ambient.Mesh.State;
using Ambient.Ztunnel.Admin;
using Ambient.Ztunnel.Configuration;
using Ambient.Ztunnel.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.Ztunnel.Tests.Admin;

/// <summary>The page <c>/config_dump</c> against the recorded one.</summary>
public sealed class RecordedDumpTests
{
    /// <summary>Settings in which we differ, with our value; each for a reason.</summary>
    private static readonly Dictionary<string, string> Differences = new()
    {
        ["dnsProxy"] = "false", // the DNS proxy is not there yet
        ["dnsProxyAddr"] = "null", // so it listens nowhere
        ["fakeCa"] = "false", // the recording ran with a made-up authority, which ours does not have
    };

    [Fact]
    public async Task The_dump_of_the_recorded_state_and_settings_equals_the_recorded_one()
    {
        using var authority = new TestAuthority();
        await using var certificates = new CertificateStore(authority, TimeProvider.System, NullLogger.Instance);
        await certificates.GetAsync(new SpiffeId("cluster.local", "shop", "client"));
        var mesh = new MeshStore("na");
        mesh.Apply(LocalConfig.Parse(File.ReadAllText(TwoNodes.Golden("ztunnel/state.yaml"))));
        var settings = EnvironmentConfiguration.Read(new Dictionary<string, string>
        {
            ["PROXY_MODE"] = "dedicated", ["PROXY_WORKLOAD_INFO"] = "shop/client/client", ["NODE_NAME"] = "na",
            ["XDS_ADDRESS"] = "", ["CA_ADDRESS"] = "", ["ZTUNNEL_WORKER_THREADS"] = "2",
            ["XDS_ROOT_CA"] = "-----BEGIN CERTIFICATE-----", ["CA_ROOT_CA"] = "-----BEGIN CERTIFICATE-----",
        });

        var ours = JsonNode.Parse(new ConfigDump(settings, mesh, certificates, () => ([], [])).Write().Span)!.AsObject();
        var recorded = JsonNode.Parse(File.ReadAllText(TwoNodes.Golden("ztunnel/config_dump.json")))!.AsObject();
        Assert.Equal(recorded.Select(entry => entry.Key).Order(), ours.Select(entry => entry.Key).Order());
        foreach (var part in new[] { "workloads", "services", "policies", "stagedServices" })
        {
            Assert.True(JsonNode.DeepEquals(recorded[part], ours[part]), $"{part}: {ours[part]!.ToJsonString()}");
        }

        CompareSettings(recorded["config"]!.AsObject(), ours["config"]!.AsObject());
        CompareCertificates(recorded["certificates"]!, ours["certificates"]!);
        Assert.Equal(Names(recorded["version"]!), Names(ours["version"]!));
    }

    [Fact]
    public async Task The_page_shows_pods_and_their_open_connections()
    {
        await using var world = await TwoNodes.StartAsync();
        await world.Applications.EchoAsync(world.Server, 7020);
        var call = await world.Applications.OpenAsync(world.Client, "10.203.0.2:7020");
        Assert.Equal("one", await call.EchoAsync("one"));

        var source = JsonNode.Parse(await world.Source.GetAsync(world.Source.App.Servers.Admin, "/config_dump"))!["workloadState"]!["u1"]!;
        Assert.Equal("""{"name":"client","namespace":"shop","serviceAccount":"client"}""", source["info"]!.ToJsonString());
        Assert.Equal("Up", (string)source["state"]!);
        var outbound = Assert.Single(source["connections"]!["outbound"]!.AsArray())!;
        Assert.Equal(("10.203.0.2:7020", "10.203.0.2:15008", "HBONE"), ((string)outbound["originalDst"]!, (string)outbound["actualDst"]!, (string)outbound["protocol"]!));
        var destination = JsonNode.Parse(await world.Destination.GetAsync(world.Destination.App.Servers.Admin, "/config_dump"))!["workloadState"]!["u2"]!;
        Assert.Single(destination["connections"]!["inbound"]!.AsArray());
        await call.CloseAsync();
    }

    private static void CompareSettings(JsonObject recorded, JsonObject ours)
    {
        Assert.Equal(recorded.Select(entry => entry.Key).Order(), ours.Select(entry => entry.Key).Order());
        foreach (var (name, value) in recorded)
        {
            Assert.Equal(
                (name, Differences.GetValueOrDefault(name, value?.ToJsonString() ?? "null")),
                (name, ours[name]?.ToJsonString() ?? "null"));
        }
    }

    private static void CompareCertificates(JsonNode recorded, JsonNode ours)
    {
        var (theirs, mine) = (Assert.Single(recorded.AsArray())!, Assert.Single(ours.AsArray())!);
        Assert.Equal(Names(theirs), Names(mine));
        Assert.Equal((string)theirs["identity"]!, (string)mine["identity"]!);
        Assert.Equal((string)theirs["state"]!, (string)mine["state"]!);
        foreach (var chain in new[] { "certChain", "rootCerts" })
        {
            Assert.Equal(Names(Assert.Single(theirs[chain]!.AsArray())!), Names(Assert.Single(mine[chain]!.AsArray())!));
        }
    }

    private static IEnumerable<string> Names(JsonNode node) => node.AsObject().Select(entry => entry.Key).Order();
}
