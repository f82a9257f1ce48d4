/** Certificate Manager: certificates that were imported, and their tags. */
import type { Operations } from '../service.ts';
import { DeleteCertificate } from './delete.ts';
import { DescribeCertificate, ExportCertificate, GetCertificate } from './get.ts';
import { ImportCertificate } from './import.ts';
import { ListCertificates } from './list.ts';
import { AddTagsToCertificate, ListTagsForCertificate, RemoveTagsFromCertificate } from './tags.ts';

export const operations = {
  AddTagsToCertificate,
  DeleteCertificate,
  DescribeCertificate,
  ExportCertificate,
  GetCertificate,
  ImportCertificate,
  ListCertificates,
  ListTagsForCertificate,
  RemoveTagsFromCertificate,
} satisfies Operations;
