using System.Text.Json.Serialization;

namespace Ambient.Sandbox.Runs;

/// <summary>What a sandbox is: enough to find it, to use it and to clean up after it.</summary>
/// <param name="Id">Name, part of every name it leaves on the machine.</param>
/// <param name="Slot">Its addresses are <c>10.SLOT.0.0/16</c>.</param>
/// <param name="Nodes">How many nodes it has.</param>
/// <param name="ProcessId">The process that runs it.</param>
/// <param name="StartedAt">When it was started.</param>
/// <param name="ApiServer">The API server's address once it answers.</param>
/// <param name="Ready">Whether everything in it has been ready.</param>
public sealed record RunRecord(string Id, int Slot, int Nodes, int ProcessId, DateTimeOffset StartedAt, string? ApiServer, bool Ready = false);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(RunRecord))]
internal sealed partial class RunJson : JsonSerializerContext;
