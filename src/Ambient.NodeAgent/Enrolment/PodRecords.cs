using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ambient.NodeAgent.Enrolment;

/// <summary>
/// Where the container runtime said each pod's namespace is, kept across restarts of the agent: a pod need not have a process
/// by which to find it. A record is a hint; the namespace is verified before it is used.
/// </summary>
internal sealed class PodRecords(string runFolder)
{
    private readonly string _folder = Path.Combine(runFolder, "pods");

    /// <summary>Remembers a pod's namespace.</summary>
    public void Write(string uid, string netns)
    {
        Directory.CreateDirectory(_folder);
        var draft = $"{PathOf(uid)}.new";
        File.WriteAllText(draft, JsonSerializer.Serialize(new PodRecord(netns), PodRecordJson.Default.PodRecord));
        File.Move(draft, PathOf(uid), overwrite: true);
    }

    /// <summary>The namespace last told for the pod, or null.</summary>
    public string? Read(string uid)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(PathOf(uid)), PodRecordJson.Default.PodRecord)?.Netns;
        }
        catch (Exception failure) when (failure is IOException or JsonException)
        {
            return null; // none, or cut short by a crash: the process table is asked instead
        }
    }

    /// <summary>Forgets a pod.</summary>
    public void Delete(string uid)
    {
        if (Directory.Exists(_folder))
        {
            File.Delete(PathOf(uid));
        }
    }

    /// <summary>Forgets the pods that were deleted while the agent was away.</summary>
    public void KeepOnly(IReadOnlySet<string> uids)
    {
        if (!Directory.Exists(_folder))
        {
            return;
        }

        foreach (var file in Directory.EnumerateFiles(_folder).Where(file => !uids.Contains(Path.GetFileNameWithoutExtension(file))))
        {
            File.Delete(file);
        }
    }

    /// <summary>A UID comes from the API server; as a file name it must stay one.</summary>
    private string PathOf(string uid) => Path.Combine(_folder, Path.GetFileName(uid) + ".json");
}

internal sealed record PodRecord(string Netns);

[JsonSerializable(typeof(PodRecord))]
internal sealed partial class PodRecordJson : JsonSerializerContext;
