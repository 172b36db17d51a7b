using System.Text;
using System.Text.RegularExpressions;

namespace Ambient.Image.Tests;

/// <summary>What a container of an image finds.</summary>
[Collection(ImageCollection.Name)]
public sealed partial class RootTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static TheoryData<string> Images => ["ztunnel", "waypoint", "node-agent", "control-plane", "ambientctl"];

    [Theory]
    [InlineData("ztunnel", "0:1337", "version", "ambient ztunnel 0.")]
    [InlineData("waypoint", "1337:1337", "version", "ambient waypoint 0.")]
    [InlineData("node-agent", "0:0", "--help", "the chained CNI plugin")]
    [InlineData("control-plane", "1337:1337", "--help", "The control plane of the mesh")]
    [InlineData("ambientctl", "0:0", "--help", "sandbox")]
    public async Task Its_program_starts_as_its_user(string image, string user, string argument, string expected)
    {
        var outcome = await BuiltImages.EnterAsync(Patience, image, user, $"/usr/local/bin/{image}", argument);
        Assert.True(outcome.ExitCode == 0, outcome.ToString());
        Assert.Contains(expected, outcome.Output);
    }

    [Theory]
    [MemberData(nameof(Images))]
    public async Task OpenSSL_is_3_5_or_newer(string image)
    {
        var library = Directory.EnumerateFiles(Path.Combine(BuiltImages.Root(image), "usr/lib"), "libcrypto.so.3", SearchOption.AllDirectories).Single();
        var version = OpenSslVersion().Match(Encoding.Latin1.GetString(await File.ReadAllBytesAsync(library)));
        Assert.True(version.Success, "libcrypto says no version");
        Assert.True(Version.Parse(version.Groups[1].Value) >= new Version(3, 5), version.Value);
    }

    [Theory]
    [MemberData(nameof(Images))]
    public async Task Files_belong_to_root_and_nobody_else_can_change_them(string image)
    {
        Assert.Empty(await FindAsync(image, "-not", "-uid", "0", "-o", "-not", "-gid", "0"));
        Assert.Empty(await FindAsync(image, "-perm", "/6000"));
        Assert.Empty(await FindAsync(image, "-perm", "-0002", "-not", "-type", "l", "-not", "-perm", "-1000"));
        Assert.Empty(await FindAsync(image, "-not", "-type", "d", "-not", "-type", "f", "-not", "-type", "l"));
        // Everybody can read and, where it is a folder or a program, enter or run what the image's user has to.
        Assert.Empty(await FindAsync(image, "-path", "*/root", "-prune", "-o", "-type", "d", "-not", "-perm", "-0005", "-print"));
        Assert.Empty(await FindAsync(image, "-path", "*/opt/ambient/*", "-type", "f", "-not", "-perm", "-0005"));
    }

    [Theory]
    [MemberData(nameof(Images))]
    public async Task It_holds_no_private_key_and_nothing_of_the_machine_that_built_it(string image)
    {
        // Text files alone: programs that read keys know how a key begins.
        Assert.Empty(await GrepAsync(image, "-I", "-e", "PRIVATE KEY-----"));
        Assert.Empty(await GrepAsync(image, "-a", "-e", BuiltImages.Repository + "/"));
        Assert.Empty(await FindAsync(image, "-name", "*.pdb", "-o", "-path", "*/var/lib/apt/*", "-o", "-path", "*/usr/share/man/*"));
    }

    [Theory]
    [InlineData("ztunnel")]
    [InlineData("waypoint")]
    [InlineData("node-agent")]
    [InlineData("control-plane")]
    public void It_has_neither_shell_nor_package_manager(string image) =>
        Assert.DoesNotContain(
            new[] { "sh", "bash", "dash", "apt-get", "dpkg", "perl" },
            program => File.Exists(Path.Combine(BuiltImages.Root(image), "usr/bin", program)));

    [Theory]
    [InlineData("nft", "--version")]
    [InlineData("iptables", "--version")]
    [InlineData("ip6tables", "--version")]
    [InlineData("ip", "-Version")]
    public async Task The_node_agent_finds_its_tools(string tool, string argument)
    {
        var outcome = await BuiltImages.EnterAsync(Patience, "node-agent", "0:0", tool, argument);
        Assert.True(outcome.ExitCode == 0, outcome.ToString());
    }

    [Theory]
    [MemberData(nameof(Images))]
    public void Scanners_find_the_packages(string image)
    {
        var status = File.ReadAllText(Path.Combine(BuiltImages.Root(image), "var/lib/dpkg/status.d/libssl3t64"));
        Assert.Contains("\nVersion: 3.", status);
        Assert.True(File.Exists(Path.Combine(BuiltImages.Root(image), "usr/share/doc/libc6/copyright")));
    }

    /// <summary>The whole mesh with the published programs: what trimming took away too much of would be missed here.</summary>
    [Fact]
    public async Task The_demo_of_the_sandbox_holds()
    {
        var outcome = await BuiltImages.EnterAsync(TimeSpan.FromMinutes(3), "ambientctl", "0:0", "/usr/local/bin/ambientctl", "sandbox", "demo");
        Assert.True(outcome.ExitCode == 0, outcome.ToString());
        Assert.Contains("All of it held", outcome.Output);
    }

    [Fact]
    public async Task Nothing_is_left_of_a_command_that_entered()
    {
        var space = $"enter-{Guid.NewGuid():N}"[..14];
        var outcome = await BuiltImages.EnterAsync(
            Patience, "ambientctl", "0:0", "/bin/sh", "-c", $"ip netns add {space} && echo left > /left && sleep 1000 & while [ ! -e /left ]; do sleep 0.1; done; ls /run/netns");
        Assert.Equal($"{space}\n", outcome.Output);
        Assert.False(File.Exists($"/run/netns/{space}"));
        Assert.False(File.Exists(Path.Combine(BuiltImages.Root("ambientctl"), "left")));
        Assert.DoesNotContain(BuiltImages.Output, await File.ReadAllTextAsync("/proc/self/mounts"));
    }

    private static async Task<string> FindAsync(string image, params string[] expression)
    {
        var outcome = await BuiltImages.RunAsync(Patience, "find", [BuiltImages.Root(image), .. expression]);
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        return outcome.Output;
    }

    /// <summary>Names of the files that hold a text.</summary>
    private static async Task<string> GrepAsync(string image, params string[] expression)
    {
        var outcome = await BuiltImages.RunAsync(Patience, "grep", ["-r", "-l", "-F", .. expression, BuiltImages.Root(image)]);
        Assert.True(outcome.ExitCode is 0 or 1, outcome.Error);
        return outcome.Output;
    }

    [GeneratedRegex(@"OpenSSL (\d+\.\d+\.\d+) ")]
    private static partial Regex OpenSslVersion();
}
