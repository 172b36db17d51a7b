using System.Text.Json.Nodes;

namespace Ambient.ApiServer.Schemas;

/// <summary>Reads the notation of the <c>.schema</c> files, which their first lines explain.</summary>
internal static class SchemaText
{
    /// <summary>All built-in types by name.</summary>
    public static IReadOnlyDictionary<string, Schema> BuiltIn { get; } = Parse(["core.schema", "workloads.schema"]);

    private static Dictionary<string, Schema> Parse(IEnumerable<string> files)
    {
        var lines = files.SelectMany(Lines).ToList();
        var types = new Dictionary<string, Schema>(StringComparer.Ordinal);
        // Types may be used before they are described, so all names come first.
        foreach (var line in lines.Where(line => line[0] != ' '))
        {
            var words = line.Split(' ');
            types.Add(words[0], new Schema { Type = SchemaType.Object, Name = words[0], IsAtomic = words.Length > 1 && words[1] == "atomic" });
        }

        Schema? current = null;
        foreach (var line in lines)
        {
            if (line[0] != ' ')
            {
                current = types[line.Split(' ')[0]];
                continue;
            }

            var (name, field) = ParseField(line.Trim(), types);
            current!.Fields.Add(name, field);
        }

        return types;
    }

    private static IEnumerable<string> Lines(string file)
    {
        using var stream = typeof(SchemaText).Assembly.GetManifestResourceStream($"Ambient.ApiServer.Schemas.{file}")
            ?? throw new InvalidOperationException($"The assembly lacks its resource {file}.");
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            if (line.Length > 0 && line[0] != '#')
            {
                yield return line;
            }
        }
    }

    private static (string Name, Field Field) ParseField(string text, Dictionary<string, Schema> types)
    {
        var (head, value, kind) = SplitValue(text);
        var words = head.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var name = words[0].TrimEnd('!');
        var schema = ParseType(words[1], types);
        foreach (var word in words.Skip(2).Where(word => word[0] != '@'))
        {
            schema = Apply(schema, word);
        }

        var number = words.FirstOrDefault(word => word[0] == '@')?[1..] ?? "0";

        return (name, new Field(schema)
        {
            Required = words[0].EndsWith('!'),
            Number = int.Parse(number.TrimEnd('*')),
            KeepsZero = number.EndsWith('*'),
            Default = kind == '=' ? value : null,
            HasZero = kind == '~',
            Zero = kind == '~' ? value : null,
        });
    }

    private static (string Head, JsonNode? Value, char Kind) SplitValue(string text)
    {
        foreach (var kind in "=~")
        {
            var at = text.IndexOf($" {kind} ", StringComparison.Ordinal);
            if (at > 0)
            {
                return (text[..at], JsonNode.Parse(text[(at + 3)..]), kind);
            }
        }

        return (text, null, ' ');
    }

    private static Schema Apply(Schema schema, string modifier)
    {
        var (word, arguments) = modifier.IndexOf('(') is var at and > 0
            ? (modifier[..at], modifier[(at + 1)..^1])
            : (modifier, "");
        switch (word)
        {
            case "map":
                schema.ListType = ListType.Map;
                schema.MapKeys = arguments.Split(',');
                break;
            case "set":
                schema.ListType = ListType.Set;
                break;
            case "atomic":
                schema.IsAtomic = true;
                break;
            case "merge":
                schema.MergeKey = arguments;
                break;
            default:
                throw new FormatException($"Unknown modifier {modifier}.");
        }

        return schema;
    }

    private static Schema ParseType(string text, Dictionary<string, Schema> types)
    {
        if (text[0] == '[')
        {
            return new Schema { Type = SchemaType.Array, Items = ParseType(text[1..^1], types) };
        }

        if (text[0] == '{')
        {
            return new Schema { Type = SchemaType.Object, Values = ParseType(text[1..^1], types) };
        }

        return text switch
        {
            "string" => new Schema { Type = SchemaType.String },
            "bytes" => new Schema { Type = SchemaType.String, Format = "byte" },
            "quantity" => new Schema { Type = SchemaType.String, Format = "quantity" },
            "time" => new Schema { Type = SchemaType.String, Format = "date-time", Nullable = true },
            "microtime" => new Schema { Type = SchemaType.String, Format = "micro-time", Nullable = true },
            "int32" or "int64" => new Schema { Type = SchemaType.Integer, Format = text },
            "number" => new Schema { Type = SchemaType.Number },
            "bool" => new Schema { Type = SchemaType.Boolean },
            "intstr" => new Schema { Type = SchemaType.IntOrString },
            "any" => new Schema { Type = SchemaType.Any, PreserveUnknown = true },
            _ => types[text],
        };
    }
}
