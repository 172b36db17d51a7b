using System.Globalization;

namespace Ambient.ApiServer.Rules;

/// <summary>A parsed expression of the Common Expression Language.</summary>
internal abstract record CelNode;

internal sealed record CelLiteral(object? Value) : CelNode;

internal sealed record CelName(string Name) : CelNode;

internal sealed record CelField(CelNode Of, string Name) : CelNode;

internal sealed record CelIndex(CelNode Of, CelNode At) : CelNode;

/// <summary>A call; <paramref name="Of"/> is null for a function.</summary>
internal sealed record CelCall(CelNode? Of, string Name, IReadOnlyList<CelNode> Arguments) : CelNode;

internal sealed record CelOperation(string Operator, CelNode Left, CelNode? Right) : CelNode;

internal sealed record CelChoice(CelNode Condition, CelNode Yes, CelNode No) : CelNode;

internal sealed record CelList(IReadOnlyList<CelNode> Items) : CelNode;

internal sealed record CelMap(IReadOnlyList<(CelNode Key, CelNode Value)> Entries) : CelNode;

/// <summary>
/// Parses the part of the Common Expression Language that rules of definitions use: operators, fields, indices, calls,
/// literals of numbers, texts, lists and maps.
/// </summary>
internal sealed class CelParser
{
    /// <summary>Binary operators, loosest first; one row binds alike.</summary>
    private static readonly string[][] Levels =
    [
        ["||"],
        ["&&"],
        ["==", "!=", "<=", ">=", "<", ">", "in"],
        ["+", "-"],
        ["*", "/", "%"],
    ];

    /// <summary>Nesting that no written rule has; the parser recurses.</summary>
    private const int Deepest = 100;

    private readonly List<CelToken> _tokens;
    private int _at;
    private int _depth;

    private CelParser(string text) => _tokens = CelLexer.Read(text);

    /// <exception cref="FormatException">The text is no expression.</exception>
    public static CelNode Parse(string text)
    {
        var parser = new CelParser(text);
        var node = parser.Choice();
        return parser.Peek.Kind == CelTokenKind.End ? node : throw parser.Unexpected();
    }

    private CelToken Peek => _tokens[_at];

    private FormatException Unexpected() => new($"unexpected '{Peek.Text}' at {Peek.Position}");

    private bool Take(string symbol)
    {
        if (Peek.Kind is not (CelTokenKind.Symbol or CelTokenKind.Name) || Peek.Text != symbol)
        {
            return false;
        }

        _at++;
        return true;
    }

    private void Expect(string symbol)
    {
        if (!Take(symbol))
        {
            throw Unexpected();
        }
    }

    private CelNode Choice()
    {
        if (++_depth > Deepest)
        {
            throw new FormatException($"nested deeper than {Deepest}");
        }

        var node = Binary(0);
        if (Take("?"))
        {
            var yes = Choice();
            Expect(":");
            node = new CelChoice(node, yes, Choice());
        }

        _depth--;
        return node;
    }

    private CelNode Binary(int level)
    {
        if (level == Levels.Length)
        {
            return Unary();
        }

        var node = Binary(level + 1);
        while (Levels[level].FirstOrDefault(Take) is { } symbol)
        {
            node = new CelOperation(symbol, node, Binary(level + 1));
        }

        return node;
    }

    private CelNode Unary()
    {
        if (Take("!"))
        {
            return new CelOperation("!", Unary(), null);
        }

        return Take("-") ? new CelOperation("-", Unary(), null) : Member();
    }

    private CelNode Member()
    {
        var node = Primary();
        while (true)
        {
            if (Take("."))
            {
                var name = Name();
                node = Take("(") ? new CelCall(node, name, Arguments(")")) : new CelField(node, name);
            }
            else if (Take("["))
            {
                node = new CelIndex(node, Choice());
                Expect("]");
            }
            else
            {
                return node;
            }
        }
    }

    private string Name()
    {
        if (Peek.Kind != CelTokenKind.Name)
        {
            throw Unexpected();
        }

        return _tokens[_at++].Text;
    }

    private List<CelNode> Arguments(string end)
    {
        var arguments = new List<CelNode>();
        while (!Take(end))
        {
            arguments.Add(Choice());
            if (!Take(","))
            {
                Expect(end);
                break;
            }
        }

        return arguments;
    }

    private CelNode Primary()
    {
        var token = Peek;
        switch (token.Kind)
        {
            case CelTokenKind.Text:
                _at++;
                return new CelLiteral(token.Text);
            case CelTokenKind.Number:
                _at++;
                return new CelLiteral(Number(token));
            case CelTokenKind.Name:
                _at++;
                return token.Text switch
                {
                    "true" => new CelLiteral(true),
                    "false" => new CelLiteral(false),
                    "null" => new CelLiteral(null),
                    _ => Take("(") ? new CelCall(null, token.Text, Arguments(")")) : new CelName(token.Text),
                };
        }

        if (Take("("))
        {
            var node = Choice();
            Expect(")");
            return node;
        }

        if (Take("["))
        {
            return new CelList(Arguments("]"));
        }

        Expect("{");
        return Map();
    }

    private CelMap Map()
    {
        var entries = new List<(CelNode, CelNode)>();
        while (!Take("}"))
        {
            var key = Choice();
            Expect(":");
            entries.Add((key, Choice()));
            if (!Take(","))
            {
                Expect("}");
                break;
            }
        }

        return new(entries);
    }

    private static object Number(CelToken token)
    {
        var text = token.Text.TrimEnd('u');
        if (text.StartsWith("0x", StringComparison.Ordinal))
        {
            return (double)Convert.ToInt64(text[2..], 16);
        }

        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new FormatException($"{token.Text} is not a number");
    }
}
