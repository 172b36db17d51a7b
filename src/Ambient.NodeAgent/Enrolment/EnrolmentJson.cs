using System.Text.Json.Serialization;

namespace Ambient.NodeAgent.Enrolment;

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(IReadOnlyList<SelectorPair>))]
internal sealed partial class EnrolmentJson : JsonSerializerContext;
