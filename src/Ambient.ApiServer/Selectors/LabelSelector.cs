using System.Text.Json.Nodes;

namespace Ambient.ApiServer.Selectors;

/// <summary>A label selector: every requirement must hold.</summary>
internal sealed class LabelSelector(IReadOnlyList<LabelRequirement> requirements)
{
    public static LabelSelector Everything { get; } = new([]);

    public bool IsEverything => requirements.Count == 0;

    public bool Matches(IReadOnlyDictionary<string, string> labels) => requirements.All(requirement => requirement.Matches(labels));

    /// <summary>Reads the text of a query: <c>a=b,c!=d,e in (f,g),h notin (i),j,!k,l&gt;1</c>.</summary>
    public static LabelSelector Parse(string text) => new(new LabelSelectorParser(text).Parse());

    /// <summary>Reads <c>matchLabels</c> and <c>matchExpressions</c>.</summary>
    public static LabelSelector FromJson(JsonObject selector)
    {
        var requirements = new List<LabelRequirement>();
        foreach (var (key, value) in selector["matchLabels"] as JsonObject ?? [])
        {
            requirements.Add(new(key, LabelOperator.In, [value?.GetValue<string>() ?? ""]));
        }

        foreach (var expression in selector.ObjectsAt("matchExpressions"))
        {
            var values = (expression["values"] as JsonArray)?.Select(value => value?.GetValue<string>() ?? "").ToArray() ?? [];
            requirements.Add(new(expression.TextAt("key") ?? "", expression.TextAt("operator") switch
            {
                "In" => LabelOperator.In,
                "NotIn" => LabelOperator.NotIn,
                "Exists" => LabelOperator.Exists,
                "DoesNotExist" => LabelOperator.Missing,
                _ => LabelOperator.Never,
            }, values));
        }

        return new(requirements);
    }
}

internal enum LabelOperator
{
    In,
    NotIn,
    Exists,
    Missing,
    Greater,
    Less,
    Never,
}

internal sealed record LabelRequirement(string Key, LabelOperator Operator, IReadOnlyList<string> Values)
{
    public bool Matches(IReadOnlyDictionary<string, string> labels)
    {
        var exists = labels.TryGetValue(Key, out var value);
        return Operator switch
        {
            LabelOperator.In => exists && Values.Contains(value),
            LabelOperator.NotIn => !exists || !Values.Contains(value),
            LabelOperator.Exists => exists,
            LabelOperator.Missing => !exists,
            LabelOperator.Greater => exists && long.TryParse(value, out var number) && number > long.Parse(Values[0]),
            LabelOperator.Less => exists && long.TryParse(value, out var number) && number < long.Parse(Values[0]),
            _ => false,
        };
    }
}

/// <summary>The grammar of label selectors in queries.</summary>
internal sealed class LabelSelectorParser(string text)
{
    private int _at;

    public List<LabelRequirement> Parse()
    {
        var requirements = new List<LabelRequirement>();
        while (Peek().Length > 0)
        {
            requirements.Add(Requirement());
            if (Peek().Length == 0)
            {
                break;
            }

            if (Next() != ",")
            {
                throw Refusal.BadRequest($"unable to parse requirement: found '{text}', expected ',' between requirements");
            }
        }

        return requirements;
    }

    private LabelRequirement Requirement()
    {
        var token = Next();
        if (token == "!")
        {
            return new(Word(Next()), LabelOperator.Missing, []);
        }

        if (!IsWord(token))
        {
            throw Refusal.BadRequest($"found '{token}', expected: !, identifier, or 'end of string'");
        }

        switch (Peek())
        {
            case "" or ",":
                return new(token, LabelOperator.Exists, []);
            case "=" or "==":
                Next();
                return new(token, LabelOperator.In, [Value()]);
            case "!=":
                Next();
                return new(token, LabelOperator.NotIn, [Value()]);
            case "in":
                Next();
                return new(token, LabelOperator.In, Set());
            case "notin":
                Next();
                return new(token, LabelOperator.NotIn, Set());
            case ">" or "<":
                var greater = Next() == ">";
                var bound = Value();
                return long.TryParse(bound, out _)
                    ? new(token, greater ? LabelOperator.Greater : LabelOperator.Less, [bound])
                    : throw Refusal.BadRequest($"values: Invalid value: \"{bound}\": for 'Gt', 'Lt' operators, the value must be an integer");
            default:
                throw Refusal.BadRequest($"found '{Peek()}', expected: in, notin, =, ==, !=, gt, lt");
        }
    }

    private string Value() => IsWord(Peek()) ? Next() : "";

    private List<string> Set()
    {
        if (Next() != "(")
        {
            throw Refusal.BadRequest($"unable to parse requirement: found '{text}', expected '('");
        }

        var values = new List<string>();
        while (true)
        {
            values.Add(Value());
            switch (Next())
            {
                case ",":
                    continue;
                case ")":
                    return values;
                default:
                    throw Refusal.BadRequest($"unable to parse requirement: found '{text}', expected ',' or ')'");
            }
        }
    }

    private static string Word(string token) =>
        IsWord(token) ? token : throw Refusal.BadRequest($"found '{token}', expected: identifier");

    private static bool IsWord(string token) => token.Length > 0 && (char.IsLetterOrDigit(token[0]) || token[0] is '_' or '.' or '-' or '/');

    private string Peek()
    {
        var at = _at;
        var token = Next();
        _at = at;
        return token;
    }

    private string Next()
    {
        while (_at < text.Length && char.IsWhiteSpace(text[_at]))
        {
            _at++;
        }

        if (_at == text.Length)
        {
            return "";
        }

        var start = _at;
        if (IsPunctuation(text[_at]))
        {
            _at++;
            if (text[start] is '=' or '!' && _at < text.Length && text[_at] == '=')
            {
                _at++;
            }
        }
        else
        {
            while (_at < text.Length && !IsPunctuation(text[_at]) && !char.IsWhiteSpace(text[_at]))
            {
                _at++;
            }
        }

        return text[start.._at];
    }

    private static bool IsPunctuation(char letter) => letter is ',' or '(' or ')' or '=' or '!' or '<' or '>';
}
