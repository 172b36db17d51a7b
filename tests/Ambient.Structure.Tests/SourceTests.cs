using System.Text.RegularExpressions;

namespace Ambient.Structure.Tests;

/// <summary>House rules that the compiler cannot hold.</summary>
public sealed partial class SourceTests
{
    /// <summary>Longer files hold more than one concern; generated tables are split too.</summary>
    private const int LongestFile = 400;

    [Fact]
    public void No_source_file_is_longer_than_one_concern() =>
        Assert.Empty(Repository.Sources("src").Where(file => file.Lines.Length > LongestFile)
            .Select(file => $"{file.Path}: {file.Lines.Length} lines"));

    [Fact]
    public void Public_types_say_what_they_are()
    {
        // One part of a type that is spread over files speaks for all of them.
        var silent = from file in Repository.Sources("src")
                     from index in Enumerable.Range(0, file.Lines.Length)
                     let type = PublicType().Match(file.Lines[index])
                     where type.Success
                     group (Place: $"{file.Path}:{index + 1}", Documented: IsDocumented(file.Lines, index))
                         by $"{Path.GetDirectoryName(file.Path)}/{type.Groups["name"].Value}" into parts
                     where !parts.Any(part => part.Documented)
                     select parts.First().Place;
        Assert.Empty(silent);
    }

    [Fact]
    public void Nothing_is_left_undone()
    {
        var marks = from file in Repository.Sources("src").Concat(Repository.Sources("tests"))
                    where !file.Path.Contains("Ambient.Structure.Tests", StringComparison.Ordinal)
                    from index in Enumerable.Range(0, file.Lines.Length)
                    where UnfinishedMark().IsMatch(file.Lines[index])
                    select $"{file.Path}:{index + 1}: {file.Lines[index].Trim()}";
        Assert.Empty(marks);
    }

    /// <summary>A field manager is Kubernetes' own term: who owns which fields of an object.</summary>
    [Fact]
    public void Names_say_what_a_type_does()
    {
        var vague = from file in Repository.Sources("src")
                    from line in file.Lines
                    where VagueType().IsMatch(line)
                    select $"{file.Path}: {line.Trim()}";
        Assert.Empty(vague);
    }

    private static bool IsDocumented(string[] lines, int index)
    {
        for (var above = index - 1; above >= 0; above--)
        {
            var line = lines[above].TrimStart();
            if (line.StartsWith("///", StringComparison.Ordinal))
            {
                return true;
            }

            // An attribute may take several lines; the last of them ends with its bracket.
            if (line.EndsWith(']'))
            {
                while (above > 0 && !line.StartsWith('['))
                {
                    line = lines[--above].TrimStart();
                }
            }

            if (!line.StartsWith('['))
            {
                return false;
            }
        }

        return false;
    }

    [GeneratedRegex(@"^\s*public\s+(?:static\s+|sealed\s+|abstract\s+|readonly\s+|unsafe\s+|partial\s+|ref\s+)*(?:(?:class|struct|interface|enum|record struct|record class|record)\s+(?<name>\w+)|delegate\s+[^*\s]+\s+(?<name>\w+))")]
    private static partial Regex PublicType();

    [GeneratedRegex(@"NotImplementedException|\bTODO\b|\bFIXME\b|\bHACK\b|async void|Skip\s*=\s*""")]
    private static partial Regex UnfinishedMark();

    [GeneratedRegex(@"\b(?:class|struct|interface|record)\s+\w+(?:Helper|Helpers|(?<!Field)Manager|Util|Utils)\b")]
    private static partial Regex VagueType();
}
