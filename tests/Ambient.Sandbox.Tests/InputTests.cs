using Ambient.Api.Kubernetes;
using Ambient.Sandbox.Demo;
using Ambient.Sandbox.Images;
using Ambient.Sandbox.Kubelet;

namespace Ambient.Sandbox.Tests;

/// <summary>What users and other programs hand in: an error names the place and the remedy.</summary>
public sealed class InputTests
{
    [Theory]
    [InlineData("name", "NAME=PATH")]
    [InlineData("=path", "NAME=PATH")]
    [InlineData("name=", "NAME=PATH")]
    [InlineData("name=/does/not/exist", "/does/not/exist does not exist")]
    [InlineData("name=/etc/passwd", "chmod +x")]
    public void A_bad_image_entry_names_entry_and_remedy(string entry, string remedy)
    {
        var error = Assert.Throws<SandboxException>(() => new ImageTable([entry]));
        Assert.Contains($"--image {entry}", error.Message, StringComparison.Ordinal);
        Assert.Contains(remedy, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Images_are_found_whatever_registry_and_tag_the_manifest_names()
    {
        var table = new ImageTable(["team/app=/bin/sh"]);
        Assert.Equal("/bin/sh", table.Find("team/app:v1", false).Program);
        Assert.Equal("/bin/sh", table.Find("docker.io/team/app@sha256:12", false).Program);
        Assert.Equal("/bin/sh", table.Find("registry.example:5000/x/team/app:v2", false).Program);
        Assert.Equal(["echo"], table.Find("ambient/echo", false).Arguments);
        Assert.Equal("", table.Find("whatever:1", hasCommand: true).Program);
        var error = Assert.Throws<SandboxException>(() => table.Find("who/knows:1", false));
        Assert.Contains("--image who/knows=PATH", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("$(A)-$(B)", "1-$(B)")]
    [InlineData("$$(A) $(A", "$(A) $(A")]
    [InlineData("plain", "plain")]
    [InlineData("cost: 5$", "cost: 5$")]
    public void Variables_expand_as_Kubernetes_does(string text, string expected) =>
        Assert.Equal(expected, ContainerEnvironment.Expand(text, new Dictionary<string, string> { ["A"] = "1" }));

    [Theory]
    [InlineData("toolongname", 2, "--name toolongname")]
    [InlineData("a/b", 2, "--name a/b")]
    [InlineData("ok", 0, "--nodes 0")]
    [InlineData("ok", 65, "--nodes 65")]
    public void A_bad_option_names_itself_and_its_bounds(string name, int nodes, string place)
    {
        var error = Assert.Throws<SandboxException>(() => SandboxChecks.Check(new SandboxOptions { Name = name, Nodes = nodes, Mesh = false }));
        Assert.Contains(place, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_manifest_that_cannot_be_read_names_its_file()
    {
        var missing = Assert.Throws<SandboxException>(() => SandboxChecks.Load("/does/not/exist.yaml"));
        Assert.Contains("/does/not/exist.yaml", missing.Message, StringComparison.Ordinal);
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, "kind: Pod\n  bad: [indent\n");
            var broken = Assert.Throws<SandboxException>(() => SandboxChecks.Load(file));
            Assert.Contains(file, broken.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void Access_lines_are_read_field_by_field()
    {
        var lines = AccessLines.Read("node-1",
        [
            "2026-01-01T00:00:00.000000Z\terror\taccess\tconnection complete\tsrc.addr=10.1.1.1:99 src.workload=\"a b\" direction=\"inbound\" bytes_sent=5 bytes_recv=7 error=\"denied by: \\\"x\\\"\"",
            "2026-01-01T00:00:00.000000Z\tinfo\txds\tconnected",
            "no log line",
        ]);
        var line = Assert.Single(lines);
        Assert.Equal("connection complete", line.Message);
        Assert.Equal("a b", line["src.workload"]);
        Assert.Equal("denied by: \"x\"", line["error"]);
        Assert.Equal(7, line.Number("bytes_recv"));
        Assert.Equal("", line["absent"]);
    }
}
