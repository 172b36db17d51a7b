using Ambient.Sandbox.Images;
using Ambient.Sandbox.Processes;

namespace Ambient.Sandbox.Tests.EndToEnd;

/// <summary><c>ambientctl explain</c> asks the proxies of a mesh that runs; what they say is what then happens.</summary>
[Collection(MeshCollection.Name)]
public sealed class ExplainTests(MeshFixture mesh)
{
    [Theory]
    [InlineData("shop/web", "catalog.shop:80", 0, "allowed by: shop/catalog-readers (rule 0: source namespace shop is one of [shop])")]
    [InlineData("shop/catalog", "ledger.bank:80", 2, "explicitly denied by: bank/no-catalog (rule 0: principal cluster.local/ns/shop/sa/catalog is one of")]
    [InlineData("outside/stranger", "catalog.shop:80", 2, "nearest: shop/catalog-readers rule 0: source namespace (no identity) is none of [shop]")]
    public async Task The_proxies_say_what_they_do(string source, string destination, int code, string said)
    {
        var explained = await RunAsync(source, destination);
        Assert.True(explained.ExitCode == code, explained.Output + explained.Error);
        Assert.Contains(said, explained.Output, StringComparison.Ordinal);

        var actor = source.Split('/')[1] switch { "web" => mesh.Scene.Web, "catalog" => mesh.Scene.Catalog, _ => mesh.Scene.Stranger };
        var called = await mesh.Scene.CallAsync(actor, $"http://{destination}/", "", default);
        Assert.Equal(code == 0, called.ExitCode == 0);
        Assert.Contains($"ztunnel of {actor.Namespace}/{actor.Name} on {actor.Node}".Replace("ztunnel of outside", "no proxy of outside", StringComparison.Ordinal), explained.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_files_what_cannot_be_found_is_named()
    {
        var nobody = await RunAsync("shop/nobody", "catalog.shop:80");
        Assert.Equal(1, nobody.ExitCode);
        Assert.Contains("namespace shop has no running pod, deployment or service account nobody. It has: catalog-", nobody.Error, StringComparison.Ordinal);
        var nothing = await RunAsync("shop/web", "nothing:80");
        Assert.Contains("knows no service nothing", nothing.Error, StringComparison.Ordinal);
    }

    private Task<CommandResult> RunAsync(string source, string destination) =>
        Command.TryRunAsync(Programs.Cli, ["explain", source, destination, "--kubeconfig", mesh.Sandbox.KubeConfigPath]);
}
