using System.Globalization;
using System.Text.Json;
using Ambient.Api.Workloads;
using Ambient.Mesh.Config;
using Ambient.Mesh.State;
using Google.Protobuf;
using Wds = Ambient.Api.Workloads;

namespace Ambient.Mesh.Tests.State;

/// <summary>What a known workload costs, against bench/budgets.json. Alone, because the heap is everybody's.</summary>
[CollectionDefinition(nameof(MemoryBudgetTests), DisableParallelization = true)]
[Collection(nameof(MemoryBudgetTests))]
public sealed class MemoryBudgetTests
{
    [Theory]
    [InlineData(10_000)]
    [InlineData(100_000)]
    public void A_known_workload_holds_no_more_than_its_budget(int count)
    {
        Load(100);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var held = Load(count);
        var perWorkload = (GC.GetTotalMemory(forceFullCollection: true) - before) / count;
        Assert.InRange(perWorkload, 0, Budget($"retainedBytesPerWorkloadAt{count.ToString(CultureInfo.InvariantCulture)}"));
        Assert.Equal(count, held.Store.Current.Workloads.Count);
        Assert.Equal("checkout-0-6d5f8c9b7d-00007", held.Store.Current.FindWorkload("", new([10, 0, 0, 7]))?.Name);
        GC.KeepAlive(held);
    }

    /// <summary>Replacing every workload leaves nothing of the old ones.</summary>
    [Fact]
    public void Workloads_that_changed_hold_no_more_than_new_ones()
    {
        const int Count = 20_000;
        var (store, decoder) = Load(Count);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var round = 0; round < 5; round++)
        {
            Load(Count, store, decoder);
        }

        Assert.InRange((GC.GetTotalMemory(forceFullCollection: true) - before) / Count, -400, 40);
        Assert.Equal(Count / 100, store.Current.Endpoints.Count);
        Assert.All(store.Current.Endpoints.Values, set => Assert.Equal(100, set.Count));
        GC.KeepAlive(decoder);
    }

    private static (MeshStore Store, WdsDecoder Decoder) Load(int count, MeshStore? store = null, WdsDecoder? decoder = null)
    {
        store ??= new MeshStore("node-1");
        decoder ??= new WdsDecoder();
        var update = new MeshUpdate();
        for (var index = 0; index < count; index++)
        {
            var address = new Wds.Address { Workload = Pod(index) };
            update.Workloads.Add(decoder.DecodeAddress(address.ToByteString(), new string(address.Workload.Uid)).Workload!);
        }

        store.Apply(update);
        return (store, decoder);
    }

    /// <summary>As istiod describes a pod of a Deployment: a hundred pods a service, on nodes of thirty pods, in three zones.</summary>
    private static Wds.Workload Pod(int index)
    {
        var service = index / 100;
        var name = string.Create(CultureInfo.InvariantCulture, $"checkout-{service}-6d5f8c9b7d-{index:00000}");
        var ns = string.Create(CultureInfo.InvariantCulture, $"shop-{service % 50}");
        var pod = new Wds.Workload
        {
            Uid = $"Kubernetes//Pod/{ns}/{name}",
            Name = name,
            Namespace = ns,
            Addresses = { ByteString.CopyFrom(10, (byte)(index >> 16), (byte)(index >> 8), (byte)index) },
            TunnelProtocol = TunnelProtocol.Hbone,
            TrustDomain = "cluster.local",
            ServiceAccount = string.Create(CultureInfo.InvariantCulture, $"checkout-{service}"),
            Node = string.Create(CultureInfo.InvariantCulture, $"node-{index % (1 + (index / 30))}"),
            CanonicalName = string.Create(CultureInfo.InvariantCulture, $"checkout-{service}"),
            CanonicalRevision = "v1",
            WorkloadType = WorkloadType.Deployment,
            WorkloadName = string.Create(CultureInfo.InvariantCulture, $"checkout-{service}"),
            ClusterId = "Kubernetes",
            Locality = new Wds.Locality { Region = "eu-west-1", Zone = $"eu-west-1{(char)('a' + (index % 3))}" },
            AuthorizationPolicies = { "istio_converted_peer_authentication_strict" },
        };
        pod.Services.Add(
            string.Create(CultureInfo.InvariantCulture, $"{ns}/checkout-{service}.{ns}.svc.cluster.local"),
            new PortList { Ports = { new Port { ServicePort = 80, TargetPort = 8080 } } });
        return pod;
    }

    private static long Budget(string name)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Ambient.sln")))
        {
            folder = folder.Parent;
        }

        Assert.NotNull(folder);
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder.FullName, "bench", "budgets.json")));
        return json.RootElement.GetProperty("Ambient.Mesh").GetProperty(name).GetInt64();
    }
}
