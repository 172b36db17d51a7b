using System.Text;
using Ambient.Bench.Subjects;

namespace Ambient.Bench;

/// <summary>What the command line can name.</summary>
internal static class Catalogue
{
    public static string Text()
    {
        var text = new StringBuilder().AppendLine("Subjects:");
        foreach (var subject in SubjectEntry.All)
        {
            text.AppendLine($"  {subject.Name,-16} {subject.Title}");
        }

        text.AppendLine("Loads:");
        foreach (var load in LoadShape.Simple)
        {
            text.AppendLine($"  {load.Name,-16} {load.Title}");
        }

        return text.ToString().TrimEnd();
    }
}
