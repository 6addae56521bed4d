"""Steps of an iteration at a branch: serve and collect feedback, and install the update that a release makes."""

from datetime import UTC, datetime
from pathlib import Path

from edge_agent.agent import Agent
from edge_agent.feedback.log import NewFeedback
from edge_agent.ingest.folder.sync import sync
from edge_agent.settings import AgentSettings
from federation.branch.policy import BranchPolicy
from federation.branch.settings import SETTINGS_FILE, BranchSettings, set_up_branch
from federation.release.applying import apply_release
from student.artifacts.json_lines import read_rows
from teacher.loop.inputs import IterationInputs, IterationRecipe
from teacher.loop.paths import IterationPaths


def serve_branch(
    inputs: IterationInputs, recipe: IterationRecipe, messages: Path, paths: IterationPaths, number: int
) -> None:
    """A branch ingests its documents, and its staff name the intents of its messages."""
    branch = paths.branch(number)
    with Agent(AgentSettings(store=branch / "store", bundle=paths.first_bundle)) as agent:
        sync(agent, inputs.knowledge_base)
        given = len(agent.feedback.read_since(0, limit=1_000_000))
        for row in list(read_rows(messages))[given:]:
            agent.add_feedback(NewFeedback(row["text"], intent=row["label"], customer=row["customer"]))
    if not (branch / SETTINGS_FILE).exists():
        policy = BranchPolicy(
            branch=branch.name, max_epsilon=recipe.federation.epsilon * (1 + 1e-6), minimum_noise_multiplier=0.1
        )
        settings = BranchSettings(bundle=paths.first_bundle.absolute(), store=(branch / "store").absolute())
        set_up_branch(branch, settings, policy, now=datetime.now(UTC))


def update_branch(paths: IterationPaths, number: int, release: Path, key: Path) -> None:
    """A branch makes its next bundle from the one it has and the release, and goes on with the store it has."""
    bundle = paths.branch(number) / "bundle"
    if not bundle.exists():
        apply_release(release, paths.first_bundle, bundle, key=key)
