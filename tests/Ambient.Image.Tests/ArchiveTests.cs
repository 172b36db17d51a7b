using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;

namespace Ambient.Image.Tests;

/// <summary>The archives against the OCI image specification 1.1, and the command that makes them.</summary>
[Collection(ImageCollection.Name)]
public sealed class ArchiveTests
{
    [Theory]
    [InlineData("ztunnel", "0:1337")]
    [InlineData("waypoint", "1337:1337")]
    [InlineData("node-agent", "0:0")]
    [InlineData("control-plane", "1337:1337")]
    [InlineData("ambientctl", "0:0")]
    public async Task It_says_what_it_is_and_its_digests_are_right(string image, string user)
    {
        var files = await ReadAsync(BuiltImages.Archive(image));
        Assert.Equal("""{"imageLayoutVersion":"1.0.0"}""", System.Text.Encoding.UTF8.GetString(files["oci-layout"]).TrimEnd());
        foreach (var (name, content) in files.Where(file => file.Key.StartsWith("blobs/", StringComparison.Ordinal)))
        {
            Assert.Equal(name, $"blobs/sha256/{Convert.ToHexStringLower(SHA256.HashData(content))}");
        }

        var index = JsonDocument.Parse(files["index.json"]).RootElement;
        var entry = Assert.Single(index.GetProperty("manifests").EnumerateArray());
        Assert.StartsWith($"ambient/{image}:0.", entry.GetProperty("annotations").GetProperty("io.containerd.image.name").GetString());
        var manifest = JsonDocument.Parse(Blob(files, entry)).RootElement;
        var document = JsonDocument.Parse(Blob(files, manifest.GetProperty("config"))).RootElement;
        var config = document.GetProperty("config");
        Assert.Equal(user, config.GetProperty("User").GetString());
        Assert.Equal($"/usr/local/bin/{image}", Assert.Single(config.GetProperty("Entrypoint").EnumerateArray()).GetString());
        Assert.Equal("SIGTERM", config.GetProperty("StopSignal").GetString());
        Assert.Equal(image, config.GetProperty("Labels").GetProperty("org.opencontainers.image.title").GetString());
        Assert.Equal(DateTimeOffset.FromUnixTimeSeconds(BuiltImages.Epoch), document.GetProperty("created").GetDateTimeOffset());

        var layers = manifest.GetProperty("layers").EnumerateArray().ToList();
        var unpacked = document.GetProperty("rootfs").GetProperty("diff_ids").EnumerateArray().Select(id => id.GetString()).ToList();
        Assert.Equal(layers.Count, unpacked.Count);
        Assert.All(layers.Zip(unpacked), pair =>
        {
            using var layer = new GZipStream(new MemoryStream(Blob(files, pair.First)), CompressionMode.Decompress);
            Assert.Equal($"sha256:{Convert.ToHexStringLower(SHA256.HashData(layer))}", pair.Second);
        });

        // The older kind of archive, for docker load, names the same blobs.
        var docker = Assert.Single(JsonDocument.Parse(files["manifest.json"]).RootElement.EnumerateArray());
        Assert.Equal(
            layers.Select(layer => layer.GetProperty("digest").GetString()!.Replace("sha256:", "blobs/sha256/", StringComparison.Ordinal)),
            docker.GetProperty("Layers").EnumerateArray().Select(path => path.GetString()!));
    }

    [Fact]
    public async Task Images_share_their_layers()
    {
        var all = await ReadAsync(BuiltImages.Archive("ambientctl"));
        foreach (var image in new[] { "ztunnel", "waypoint", "node-agent", "control-plane" })
        {
            var files = await ReadAsync(BuiltImages.Archive(image));
            // Their own are the configuration and the manifest.
            Assert.Equal(2, files.Keys.Count(name => name.StartsWith("blobs/", StringComparison.Ordinal) && !all.ContainsKey(name)));
        }
    }

    [Fact]
    public async Task Built_from_nothing_elsewhere_it_has_the_same_bytes()
    {
        var folder = Directory.CreateTempSubdirectory("ambient-image-");
        try
        {
            var programs = folder.CreateSubdirectory("programs/Ambient.ControlPlane");
            File.Copy(
                Path.Combine(BuiltImages.Root("control-plane"), "opt/ambient/Ambient.ControlPlane"),
                Path.Combine(programs.FullName, "Ambient.ControlPlane"));
            var outcome = await BuiltImages.BuildAsync(
                TimeSpan.FromMinutes(3), "--output", Path.Combine(folder.FullName, "output"), "--programs", programs.Parent!.FullName, "control-plane");
            Assert.True(outcome.ExitCode == 0, outcome.ToString());
            Assert.Equal(
                await File.ReadAllBytesAsync(BuiltImages.Archive("control-plane")),
                await File.ReadAllBytesAsync(Path.Combine(folder.FullName, "output", "control-plane.oci.tar")));
            Assert.Equal(
                ["cache", "control-plane.oci.tar", "control-plane.root"],
                Directory.EnumerateFileSystemEntries(Path.Combine(folder.FullName, "output")).Select(path => Path.GetFileName(path)!).Order());
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData("ztunel cannot be meant", "ztunel")]
    [InlineData("Architecture mips is not among amd64 and arm64", "--architecture", "mips", "ztunnel")]
    [InlineData("/nowhere/Ambient.Ztunnel/Ambient.Ztunnel is missing", "--programs", "/nowhere", "ztunnel")]
    public async Task A_wrong_argument_is_named(string expected, params string[] arguments)
    {
        // Builds into one folder wait for each other, and the first of all takes minutes.
        var outcome = await BuiltImages.BuildAsync(TimeSpan.FromMinutes(7), ["--output", BuiltImages.Output, .. arguments]);
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains(expected, outcome.Error);
    }

    [Fact]
    public async Task A_mirror_that_cannot_be_reached_is_named_and_leaves_nothing_behind()
    {
        var folder = Directory.CreateTempSubdirectory("ambient-image-");
        try
        {
            var outcome = await BuiltImages.BuildAsync(
                TimeSpan.FromSeconds(60), "--output", folder.FullName, "--mirror", "http://127.0.0.1:1/debian", "--programs", "/nowhere", "ztunnel");
            Assert.Equal(1, outcome.ExitCode);
            Assert.Contains("apt cannot read Debian trixie from http://127.0.0.1:1/debian", outcome.Error);
            Assert.Equal("cache", Assert.Single(folder.EnumerateFileSystemInfos()).Name);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static byte[] Blob(Dictionary<string, byte[]> files, JsonElement descriptor)
    {
        var content = files[descriptor.GetProperty("digest").GetString()!.Replace("sha256:", "blobs/sha256/", StringComparison.Ordinal)];
        Assert.Equal(descriptor.GetProperty("size").GetInt64(), content.Length);
        return content;
    }

    private static async Task<Dictionary<string, byte[]>> ReadAsync(string archive)
    {
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        using var reader = new TarReader(File.OpenRead(archive));
        while (await reader.GetNextEntryAsync() is { } entry)
        {
            if (entry.DataStream is { } data)
            {
                using var content = new MemoryStream();
                await data.CopyToAsync(content);
                files[entry.Name.StartsWith("./", StringComparison.Ordinal) ? entry.Name[2..] : entry.Name] = content.ToArray();
            }
        }

        return files;
    }
}
