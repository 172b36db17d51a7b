using Ambient.Api.Kubernetes;

namespace Ambient.ControlPlane.Gateways;

/// <summary>Conditions of an object's present generation.</summary>
internal static class StatusCondition
{
    public static Condition True(IResource of, string type, string reason, string message) => Make(of, type, "True", reason, message);

    public static Condition False(IResource of, string type, string reason, string message) => Make(of, type, "False", reason, message);

    private static Condition Make(IResource of, string type, string status, string reason, string message) => new()
    {
        Type = type,
        Status = status,
        Reason = reason,
        Message = message,
        ObservedGeneration = of.Metadata.Generation ?? 0,
    };
}
