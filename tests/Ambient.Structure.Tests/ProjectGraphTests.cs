namespace Ambient.Structure.Tests;

/// <summary>The levels of the house: a project uses only what lies below it, and programs never use each other.</summary>
public sealed class ProjectGraphTests
{
    private static readonly Dictionary<string, int> Levels = new(StringComparer.Ordinal)
    {
        ["Ambient.Api"] = 0,
        ["Ambient.Linux"] = 0,
        ["Ambient.Hbone"] = 0,
        ["Ambient.Telemetry"] = 0,
        ["Ambient.Mesh"] = 1,
        ["Ambient.Http"] = 1,
        ["Ambient.Xds"] = 1,
        ["Ambient.Kubernetes"] = 1,
        ["Ambient.Identity"] = 2,
        ["Ambient.ApiServer"] = 2,
        ["Ambient.Proxy"] = 3,
        ["Ambient.Sandbox"] = 3,
        ["Ambient.Ztunnel"] = 4,
        ["Ambient.Waypoint"] = 4,
        ["Ambient.ControlPlane"] = 4,
        ["Ambient.NodeAgent"] = 4,
        ["Ambient.Cli"] = 4,
    };

    [Fact]
    public void Every_project_has_a_level() =>
        Assert.Empty(Repository.Projects().Select(project => project.Name).Except(Levels.Keys));

    [Fact]
    public void A_project_uses_only_lower_levels()
    {
        var upward = from project in Repository.Projects()
                     from reference in project.References
                     where Levels[reference] >= Levels[project.Name]
                     select $"{project.Name} -> {reference}";
        Assert.Empty(upward);
    }

    [Fact]
    public void Programs_never_use_each_other()
    {
        var projects = Repository.Projects();
        var programs = projects.Where(project => project.IsProgram).Select(project => project.Name).ToHashSet();
        Assert.DoesNotContain(projects.SelectMany(project => project.References), programs.Contains);
    }

    [Fact]
    public void The_engine_of_HBONE_and_the_mesh_decisions_stay_pure()
    {
        Assert.Empty(Repository.Projects().Single(project => project.Name == "Ambient.Hbone").References);
        Assert.Equal(["Ambient.Api"], Repository.Projects().Single(project => project.Name == "Ambient.Mesh").References);
    }
}
