"""The refusals of the branch server, below `student.errors.OrillaError`.

    OrillaError
    └── AgentError
        ├── InputInvalid           a value breaks its rules                      (HTTP 422)
        ├── TextUndecodable        bytes of no encoding that can be told         (HTTP 400)
        ├── ContentTooLarge        more bytes or characters than allowed         (HTTP 413)
        ├── FormatUnsupported      a document of a format we do not read         (HTTP 415)
        ├── DocumentUnreadable     a parser ran out of time, memory or luck      (HTTP 422)
        ├── DocumentUnknown        no document with that id                      (HTTP 404)
        ├── RootUnknown            no folder with that label                     (HTTP 404)
        ├── ReviewUnknown          no queued item with that id                   (HTTP 404)
        ├── MemoryUnknown          nothing remembered under that id              (HTTP 404)
        ├── JobUnknown             no job with that id                           (HTTP 404)
        ├── KeyUnknown             no active API key with that id                (HTTP 404)
        ├── KeysExposed            others could read or write the keys' file     (HTTP 503)
        ├── ExamplesInvalid        rows that no intent head can be learned from  (HTTP 422)
        ├── HeadUnknown            no intent head of the branch with that id     (HTTP 404)
        ├── HeadUnusable           an intent head that cannot be put to work now (HTTP 409)
        ├── JobQueueFull           too many documents or examples wait           (HTTP 503)
        ├── AuditBroken            the audit log is not what was written         (HTTP 503)
        ├── StoreForeign           a file that is not our store
        ├── StoreTooNew            a store of a later version
        ├── StoreTooOld            a store that the agent has not upgraded yet
        ├── StoreDamaged           SQLite or our own checks find it broken       (HTTP 503)
        ├── StoreFull              no space left on the disk                     (HTTP 507)
        ├── StoreUnavailable       its file cannot be read or written just now   (HTTP 503)
        ├── StoreLocked            another process has the store open
        └── ServerUnreachable      the process that has the store does not answer

No message holds text of a document, a question or a customer.
"""

from student.errors import OrillaError


class AgentError(OrillaError):
    """The branch server refuses something."""


class InputInvalid(AgentError):
    """A value breaks its rules."""


class TextUndecodable(AgentError):
    """Bytes that should be text are in no encoding that can be told."""


class ContentTooLarge(AgentError):
    """More bytes or characters than allowed."""


class FormatUnsupported(AgentError):
    """The document is of a format that is not read, or not of the one it is said to be."""


class DocumentUnreadable(AgentError):
    """A document's parser ran out of time or memory, or crashed."""


class DocumentUnknown(AgentError):
    """There is no document with that id."""


class RootUnknown(AgentError):
    """No folder that documents come from has that label."""


class ReviewUnknown(AgentError):
    """No queued item has that id."""


class MemoryUnknown(AgentError):
    """Nothing is remembered under that id."""


class JobUnknown(AgentError):
    """No job has that id."""


class KeyUnknown(AgentError):
    """No active API key has that id."""


class KeysExposed(AgentError):
    """The file of API keys is open to others, or another's; none of them is accepted."""


class ExamplesInvalid(AgentError):
    """No intent head can be learned from the examples; the message gives the rows."""


class HeadUnknown(AgentError):
    """No intent head of the branch has that id."""


class HeadUnusable(AgentError):
    """An intent head cannot be put to work, gone back to or deleted as things are."""


class JobQueueFull(AgentError):
    """Too many documents, or examples of intents, wait."""


class AuditBroken(AgentError):
    """The audit log is not what was written; nothing is changed until someone has looked."""


class StoreForeign(AgentError):
    """The file is not an Orilla store."""


class StoreTooNew(AgentError):
    """The store was written by a later version."""


class StoreTooOld(AgentError):
    """The store was written by an earlier version, and the agent that upgrades it has not opened it yet."""


class StoreDamaged(AgentError):
    """The store is broken."""


class StoreFull(AgentError):
    """No space is left on the disk; nothing was changed."""


class StoreUnavailable(AgentError):
    """The store's file cannot be read or written just now; nothing was changed."""


class StoreLocked(AgentError):
    """Another process has the store open."""


class ServerUnreachable(AgentError):
    """The server that has the store open does not answer."""
