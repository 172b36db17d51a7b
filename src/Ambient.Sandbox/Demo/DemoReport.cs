using System.Text.Json.Serialization;

namespace Ambient.Sandbox.Demo;

/// <summary>One thing that the demo shows.</summary>
/// <param name="Name">Short name, for machines.</param>
/// <param name="Title">What is shown, in a sentence.</param>
/// <param name="Passed">Whether it was so.</param>
/// <param name="Facts">What was seen, in words.</param>
public sealed record DemoStep(string Name, string Title, bool Passed, IReadOnlyList<string> Facts);

/// <summary>All that the demo saw.</summary>
/// <param name="Passed">Whether every step passed and nothing was left behind.</param>
/// <param name="Sandbox">The sandbox's name.</param>
/// <param name="KubeConfig">Its kubeconfig if it was kept, else null.</param>
/// <param name="Seconds">From the start to the last step.</param>
/// <param name="Steps">The steps in order.</param>
public sealed record DemoReport(bool Passed, string Sandbox, string? KubeConfig, double Seconds, IReadOnlyList<DemoStep> Steps)
{
    /// <summary>The report as one JSON object.</summary>
    public string ToJson() => System.Text.Json.JsonSerializer.Serialize(this, DemoJson.Default.DemoReport);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(DemoReport))]
internal sealed partial class DemoJson : JsonSerializerContext;
