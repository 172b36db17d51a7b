using Ambient.Linux.Faults;

namespace Ambient.Linux.Tests.Faults;

public sealed class FaultPlanTests
{
    [Fact]
    public void A_plan_is_read_and_written()
    {
        var plan = FaultPlan.Parse("seed=7,segment=0.3,stall=0.05,spurious=1,reset=0.0005,log=/tmp/f")!;
        Assert.Equal((7, 0.3, 0.05, 1, 0.0005, "/tmp/f"), (plan.Seed, plan.Segment, plan.Stall, plan.Spurious, plan.Reset, plan.Log));
        Assert.Equal(plan, FaultPlan.Parse(plan.ToString()));
        Assert.Equal("seed=0,segment=0,stall=0.5,spurious=0,reset=0", FaultPlan.Parse("stall=0.5")!.ToString());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public void Nothing_is_no_plan(string? text) => Assert.Null(FaultPlan.Parse(text));

    [Theory]
    [InlineData("on", "AMBIENT_FAULTS: 'on' is none of seed=N, segment=P, stall=P, spurious=P, reset=P, log=FILE.")]
    [InlineData("seed=1,,stall=1", "AMBIENT_FAULTS: '' is none of seed=N, segment=P, stall=P, spurious=P, reset=P, log=FILE.")]
    [InlineData("log=", "AMBIENT_FAULTS: 'log=' is none of seed=N, segment=P, stall=P, spurious=P, reset=P, log=FILE.")]
    [InlineData("seed=-1", "AMBIENT_FAULTS: seed '-1' is not a whole number from 0 to 2147483647.")]
    [InlineData("stall=5%", "AMBIENT_FAULTS: stall '5%' is not a chance from 0 to 1, such as 0.05.")]
    [InlineData("reset=1.5", "AMBIENT_FAULTS: reset '1.5' is not a chance from 0 to 1, such as 0.05.")]
    [InlineData("segment", "AMBIENT_FAULTS: segment '' is not a chance from 0 to 1, such as 0.05.")]
    public void A_malformed_plan_is_refused_by_name(string text, string message) =>
        Assert.Equal(message, Assert.Throws<FormatException>(() => FaultPlan.Parse(text)).Message);
}
