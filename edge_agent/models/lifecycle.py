"""The life of a store's models: the bundle that is active at start, and the promotion of the next one."""

import logging
import threading
from dataclasses import replace

from edge_agent.audit.log import AuditLog
from edge_agent.errors import HeadUnusable
from edge_agent.intents.learning import Start
from edge_agent.intents.own_heads import OwnHeads
from edge_agent.models.active_model import ActiveModel, delete_other_graphs
from edge_agent.models.fallback_bundle import keep_fallback, load_fallback
from edge_agent.models.identity import HeadIdentity
from edge_agent.models.intent_head import choose_head
from edge_agent.models.reembedding import OnEmbedded, Reembedding, embed_missing
from edge_agent.settings import AgentSettings
from edge_agent.storage.documents import Store
from edge_agent.storage.embeddings import load_embeddings
from student.embeddings import Encode
from student.runtime.student import Student, load_student

log = logging.getLogger(__name__)


class Models:
    """The active model of a store, and the next one while it is prepared.

    Attributes:
        active: what answers now: the fallback bundle while a bundle of another embedding space is prepared.
        own_heads: intent heads of the branch's own.
        changing: held while documents or the active model change.
    """

    def __init__(self, settings: AgentSettings, store: Store, audit: AuditLog, *, on_embedded: OnEmbedded) -> None:
        """Opens the bundle of the settings, or the fallback bundle until that one is prepared.

        Args:
            settings: see `AgentSettings`.
            store: open.
            audit: of the store.
            on_embedded: called with the number of passages embedded, where they must be before anything is served.

        Raises:
            BundleError: the bundle cannot be used. AgentError: the store cannot.
        """
        self._settings, self._store, self._audit = settings, store, audit
        self.own_heads = OwnHeads(settings.store / "intents", audit)
        self.changing = threading.Lock()
        self._reembedding: Reembedding | None = None
        student, next_space = _open_student(settings, store)
        try:
            if next_space is None:
                embed_missing(store, student, on_embedded=on_embedded, should_stop=lambda: False)
            audit.activate_bundle(student.bundle.digest)
            self.active = ActiveModel.open(settings, store, student, choose_head(student, self.own_heads))
        except BaseException:
            student.close()
            raise
        if next_space is None:
            self._clean_up()
        else:
            self._reembedding = Reembedding(settings, store, next_space, on_ready=self._promote)

    def remaining(self) -> int:
        """Passages that have no embedding for the next bundle yet; 0 where none is prepared."""
        return self._reembedding.remaining() if self._reembedding else 0

    def wait_until_promoted(self, timeout_s: float) -> None:
        """Waits until the next bundle is active, if one is being prepared."""
        if self._reembedding:
            self._reembedding.join(timeout_s)

    def activate_head(self, head_id: str) -> HeadIdentity | None:
        """Puts an own head to work, durably, while questions go on; those that are being answered keep the former.

        Raises:
            HeadUnknown: there is none with that id. HeadUnusable: it is not made, or reads another embedding space.
        """
        with self.changing:
            space = self.own_heads.get(head_id).embedding_space
            if space is not None and space != self.active.space:
                raise HeadUnusable(
                    "this head reads another embedding space than the bundle that is served; make it again"
                )
            self.own_heads.put(head_id)
            return self._swap_head()

    def revert_head(self) -> HeadIdentity | None:
        """Puts the head before to work, the bundle's own where there is none; None where it has none.

        Raises:
            HeadUnusable: the bundle's own is at work.
        """
        with self.changing:
            self.own_heads.put_back()
            return self._swap_head()

    def encoding(self) -> tuple[Encode, str, int]:
        """The encoder that embeds questions now, its embedding space, and D."""
        model = self.active
        return model.student.encoder.encode, model.space, model.student.encoder.dimension

    def learning_start(self) -> Start:
        """The bundle and the head that a new head is learned from."""
        model = self.active
        bundle, head = model.student.bundle, model.head
        labels = head.head.labels if head else ()
        head_id = head.identity.head_id if head else None
        return Start(bundle.path, bundle.digest, bundle.manifest.languages, head_id, labels)

    def close(self) -> None:
        """Ends threads."""
        if self._reembedding:
            self._reembedding.close()
        self.active.close()

    def _swap_head(self) -> HeadIdentity | None:
        head = choose_head(self.active.student, self.own_heads)
        self.active = replace(self.active, head=head)
        return head.identity if head else None

    def _promote(self) -> None:
        """Makes the bundle of the settings active, once every passage is embedded for it."""
        student = load_student(self._settings.bundle, workers=self._settings.workers)
        model = ActiveModel.open(self._settings, self._store, student, None)
        model.index.wait_until_built(timeout_s=3600)
        with self.changing:
            embed_missing(self._store, student, on_embedded=lambda done: None, should_stop=lambda: False)
            with self._store.snapshots.open() as snapshot:
                ids, embeddings = load_embeddings(snapshot, model.space, student.encoder.dimension)
                model.index.reconcile(snapshot.changes, ids, embeddings)
            self._audit.activate_bundle(student.bundle.digest)
            self._store.embeddings.activate(model.space)
            head = choose_head(student, self.own_heads)
            self.active = replace(model, head=head)  # who still asks the former one keeps it alive
        log.info("bundle serial %d answers; its embeddings are made", model.bundle.serial)
        self._clean_up()

    def _clean_up(self) -> None:
        """Deletes what other embedding spaces left, and keeps the bundle for the day that another comes."""
        keep_fallback(self._settings.store, self.active.student.bundle)
        self._store.embeddings.activate(self.active.space)
        self._store.embeddings.forget_others()
        delete_other_graphs(self._settings.store, space=self.active.space)


def _open_student(settings: AgentSettings, store: Store) -> tuple[Student, str | None]:
    """The student to answer with now, and the embedding space to prepare when that is not the given bundle's.

    Raises:
        BundleError: the given bundle cannot be used.
    """
    given = load_student(settings.bundle, workers=settings.workers)
    space, active = given.bundle.manifest.embedding_space, store.embeddings.active_space()
    if active in (None, space) or not store.embeddings.count_missing(space):
        return given, None
    fallback = load_fallback(settings.store, workers=settings.workers)
    if fallback is None or fallback.bundle.manifest.embedding_space != active:
        if fallback is not None:
            fallback.close()
        log.warning("the bundle of the store's embeddings is not there; the base is re-embedded before it is served")
        return given, None
    given.close()
    return fallback, space
