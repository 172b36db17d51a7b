using Ambient.ControlPlane.Collections;
using Proto = Ambient.Api.Waypoints;

namespace Ambient.ControlPlane.Routing;

/// <summary>Something in a route that is not carried out as it is written.</summary>
/// <param name="Reason">As conditions name it: <c>InvalidFilter</c>, <c>InvalidKind</c>, <c>BackendNotFound</c>, or <c>UnsupportedValue</c>.</param>
/// <param name="Message">The field, what becomes of it, and the remedy.</param>
internal sealed record RouteProblem(string Reason, string Message)
{
    public const string InvalidFilter = "InvalidFilter";
    public const string InvalidKind = "InvalidKind";
    public const string BackendNotFound = "BackendNotFound";
    public const string UnsupportedValue = "UnsupportedValue";
}

/// <summary>The rules of a route resource as waypoints carry them out, whomever they are for.</summary>
/// <param name="Routes">One for each match of each rule.</param>
/// <param name="Problems">What is not carried out as it is written.</param>
internal sealed record CompiledRules(Values<Proto.Route> Routes, Values<RouteProblem> Problems)
{
    public static CompiledRules None { get; } = new(Values<Proto.Route>.None, Values<RouteProblem>.None);

    /// <summary>The same for some ports of a host alone.</summary>
    public IEnumerable<Proto.Route> At(int? port) => port is null ? Routes : Routes.Select(route => new Proto.Route(route) { Ports = { (uint)port } });
}
