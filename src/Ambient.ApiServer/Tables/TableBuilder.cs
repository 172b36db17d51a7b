using System.Text.Json.Nodes;
using Ambient.ApiServer.Http;
using Ambient.ApiServer.Kinds;
using Ambient.ApiServer.Storage;

namespace Ambient.ApiServer.Tables;

/// <summary>A column of a table.</summary>
internal sealed record Column(string Name, string Type = "string", string Format = "", int Priority = 0);

/// <summary>Server-side printed tables: what <c>kubectl get</c> shows.</summary>
internal static class TableBuilder
{
    public static JsonObject Build(
        ServerState server, ResourceType type, IReadOnlyList<StoredObject> items, long version, string? includeObject, bool columns)
    {
        var printer = Printers.For(type);
        var now = server.Options.Time.GetUtcNow();
        return new JsonObject
        {
            ["kind"] = "Table",
            ["apiVersion"] = "meta.k8s.io/v1",
            ["metadata"] = new JsonObject { ["resourceVersion"] = version.ToString() },
            ["columnDefinitions"] = columns ? Columns(printer.Columns) : null,
            ["rows"] = new JsonArray([.. items.Select(item => (JsonNode)Row(printer, type, item, now, includeObject))]),
        };
    }

    public static JsonObject Bookmark(JsonObject metadata) => new()
    {
        ["kind"] = "Table",
        ["apiVersion"] = "meta.k8s.io/v1",
        ["metadata"] = new JsonObject { ["resourceVersion"] = metadata["resourceVersion"]?.DeepClone() },
        ["columnDefinitions"] = null,
        ["rows"] = new JsonArray(new JsonObject
        {
            ["cells"] = new JsonArray(),
            ["object"] = new JsonObject { ["kind"] = "PartialObjectMetadata", ["apiVersion"] = "meta.k8s.io/v1", ["metadata"] = metadata },
        }),
    };

    private static JsonObject Row(IPrinter printer, ResourceType type, StoredObject item, DateTimeOffset now, string? includeObject)
    {
        var body = item.Thaw(type.Kind, type.ApiVersion);
        var row = new JsonObject { ["cells"] = new JsonArray([.. printer.Cells(body, now)]) };
        switch (includeObject)
        {
            case "None":
                break;
            case "Object":
                row["object"] = body;
                break;
            default:
                row["object"] = Reader.Metadata(item, type);
                break;
        }

        return row;
    }

    private static JsonArray Columns(IReadOnlyList<Column> columns) => new([.. columns.Select(column => (JsonNode)new JsonObject
    {
        ["name"] = column.Name,
        ["type"] = column.Type,
        ["format"] = column.Format,
        ["description"] = "",
        ["priority"] = column.Priority,
    })]);
}

/// <summary>Prints objects of one kind.</summary>
internal interface IPrinter
{
    IReadOnlyList<Column> Columns { get; }

    IEnumerable<JsonNode?> Cells(JsonObject body, DateTimeOffset now);
}

/// <summary>Finds the printer of a kind.</summary>
internal static class Printers
{
    private static readonly DefaultPrinter Default = new();

    public static IPrinter For(ResourceType type)
    {
        if (type.IsCustom)
        {
            return type.Columns.Count > 0 ? new CustomPrinter(type) : Default;
        }

        return CorePrinters.For(type.Group, type.Plural) ?? Default;
    }

    /// <summary>Name and age: all that is known of a kind without columns.</summary>
    private sealed class DefaultPrinter : IPrinter
    {
        public IReadOnlyList<Column> Columns { get; } =
        [
            new("Name", Format: "name"),
            new("Created At", "date"),
        ];

        public IEnumerable<JsonNode?> Cells(JsonObject body, DateTimeOffset now) =>
            [body.TextAt("metadata", "name"), body.TextAt("metadata", "creationTimestamp")];
    }

    private sealed class CustomPrinter(ResourceType type) : IPrinter
    {
        public IReadOnlyList<Column> Columns { get; } =
        [
            new("Name", Format: "name"),
            .. type.Columns.Select(column => new Column(column.Name, column.Type, column.Format, column.Priority)),
        ];

        public IEnumerable<JsonNode?> Cells(JsonObject body, DateTimeOffset now) =>
        [
            body.TextAt("metadata", "name"),
            .. type.Columns.Select(column => Cell(body, column, now)),
        ];

        private static JsonNode? Cell(JsonObject body, PrinterColumn column, DateTimeOffset now)
        {
            var value = JsonPathReader.Read(body, column.JsonPath);
            return column.Type == "date"
                ? Ages.Since(value is JsonValue text && text.TryGetValue(out string? time) ? time : null, now)
                : value?.DeepClone();
        }
    }
}

/// <summary>The simple JSON paths of printer columns: <c>.a.b</c>, <c>[0]</c>, <c>[?(@.type=="Ready")]</c>, <c>[*]</c>.</summary>
internal static partial class JsonPathReader
{
    public static JsonNode? Read(JsonNode body, string path)
    {
        IEnumerable<JsonNode?> nodes = [body];
        foreach (System.Text.RegularExpressions.Match step in Step().Matches(path))
        {
            if (step.Groups["name"] is { Success: true } name)
            {
                var field = name.Value.Replace("\\.", ".");
                nodes = nodes.Select(node => node.At(field));
            }
            else if (step.Groups["index"] is { Success: true } index)
            {
                var at = int.Parse(index.Value);
                nodes = nodes.Select(node => node is JsonArray array && at < array.Count ? array[at] : null);
            }
            else if (step.Groups["key"] is { Success: true } key)
            {
                nodes = nodes.SelectMany(node => node as JsonArray ?? [])
                    .Where(item => item.TextAt(key.Value.Split('.')) == step.Groups["value"].Value);
            }
            else
            {
                nodes = nodes.SelectMany(node => node as JsonArray ?? []);
            }
        }

        var found = nodes.Where(node => node is not null).ToList();
        return found.Count switch
        {
            0 => null,
            1 => found[0],
            _ => string.Join(' ', found.Select(node => node is JsonValue value && value.TryGetValue(out string? text) ? text : Json.Text(node!))),
        };
    }

    [System.Text.RegularExpressions.GeneratedRegex(
        @"\.(?<name>(?:\\.|[^.\[\\])+)|\[(?<index>[0-9]+)\]|\[\?\(@\.(?<key>[^=\s]+)\s*==\s*[""'](?<value>[^""']*)[""']\)\]|\[\*\]")]
    private static partial System.Text.RegularExpressions.Regex Step();
}

/// <summary>Ages as kubectl prints them.</summary>
internal static class Ages
{
    public static string Since(string? time, DateTimeOffset now) =>
        time is not null && DateTimeOffset.TryParse(time, System.Globalization.CultureInfo.InvariantCulture, out var then)
            ? Text(now - then)
            : "<unknown>";

    /// <summary>Two units at most, fewer the longer it is.</summary>
    public static string Text(TimeSpan age)
    {
        var seconds = (long)age.TotalSeconds;
        if (seconds < -1)
        {
            return "<invalid>";
        }

        seconds = Math.Max(0, seconds);
        long minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
        if (seconds < 120)
        {
            return $"{seconds}s";
        }

        if (minutes < 10)
        {
            return Two(minutes, "m", seconds % 60, "s");
        }

        if (minutes < 180)
        {
            return $"{minutes}m";
        }

        if (hours < 8)
        {
            return Two(hours, "h", minutes % 60, "m");
        }

        if (hours < 48)
        {
            return $"{hours}h";
        }

        if (days < 8)
        {
            return Two(days, "d", hours % 24, "h");
        }

        if (days < 730)
        {
            return $"{days}d";
        }

        return days < 365 * 8 ? Two(days / 365, "y", days % 365, "d") : $"{days / 365}y";
    }

    private static string Two(long first, string firstUnit, long second, string secondUnit) =>
        second == 0 ? $"{first}{firstUnit}" : $"{first}{firstUnit}{second}{secondUnit}";
}
