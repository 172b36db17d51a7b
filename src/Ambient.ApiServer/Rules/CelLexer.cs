using System.Text;

namespace Ambient.ApiServer.Rules;

internal enum CelTokenKind
{
    Name,
    Number,
    Text,
    Symbol,
    End,
}

internal readonly record struct CelToken(CelTokenKind Kind, string Text, int Position);

/// <summary>Splits an expression into tokens.</summary>
internal static class CelLexer
{
    private static readonly string[] Symbols =
        ["||", "&&", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ".", ",", "(", ")", "[", "]", "{", "}"];

    public static List<CelToken> Read(string text)
    {
        var tokens = new List<CelToken>();
        var at = 0;
        while (at < text.Length)
        {
            var letter = text[at];
            if (char.IsWhiteSpace(letter))
            {
                at++;
            }
            else if (letter == '/' && at + 1 < text.Length && text[at + 1] == '/')
            {
                while (at < text.Length && text[at] != '\n')
                {
                    at++;
                }
            }
            else if (char.IsAsciiDigit(letter))
            {
                tokens.Add(Take(text, ref at, CelTokenKind.Number, IsNumberPart));
            }
            else if (IsText(text, at))
            {
                tokens.Add(Text(text, ref at));
            }
            else if (char.IsAsciiLetter(letter) || letter == '_')
            {
                tokens.Add(Take(text, ref at, CelTokenKind.Name, static (all, index) => char.IsAsciiLetterOrDigit(all[index]) || all[index] == '_'));
            }
            else
            {
                var symbol = Array.Find(Symbols, item => string.CompareOrdinal(text, at, item, 0, item.Length) == 0)
                    ?? throw new FormatException($"unexpected '{letter}' at {at}");
                tokens.Add(new(CelTokenKind.Symbol, symbol, at));
                at += symbol.Length;
            }
        }

        tokens.Add(new(CelTokenKind.End, "the end", at));
        return tokens;
    }

    private static bool IsNumberPart(string text, int at) =>
        char.IsAsciiLetterOrDigit(text[at])
        || (text[at] == '.' && at + 1 < text.Length && char.IsAsciiDigit(text[at + 1]))
        || (text[at] is '+' or '-' && text[at - 1] is 'e' or 'E');

    private static bool IsText(string text, int at) =>
        text[at] is '"' or '\'' || (text[at] is 'r' or 'R' && at + 1 < text.Length && text[at + 1] is '"' or '\'' && text[at] is 'r' or 'R');

    private static CelToken Take(string text, ref int at, CelTokenKind kind, Func<string, int, bool> isPart)
    {
        var start = at++;
        while (at < text.Length && isPart(text, at))
        {
            at++;
        }

        return new(kind, text[start..at], start);
    }

    private static CelToken Text(string text, ref int at)
    {
        var start = at;
        var raw = text[at] is 'r' or 'R';
        at += raw ? 1 : 0;
        var quote = text[at++];
        var value = new StringBuilder();
        while (true)
        {
            if (at >= text.Length)
            {
                throw new FormatException($"the text that begins at {start} does not end");
            }

            var letter = text[at++];
            if (letter == quote)
            {
                return new(CelTokenKind.Text, value.ToString(), start);
            }

            if (letter == '\\' && !raw && at < text.Length)
            {
                letter = text[at++] switch { 'n' => '\n', 't' => '\t', 'r' => '\r', var other => other };
            }

            value.Append(letter);
        }
    }
}
